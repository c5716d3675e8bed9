"""`python -m moorage_agent`: the supervisor."""

from moorage_agent.supervisor import main

main()
