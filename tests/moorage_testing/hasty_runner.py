"""`python -m moorage_testing.hasty_runner`: a runner that waits little and gives up soon."""

from moorage_runner.__main__ import main
from moorage_runner.retry import RetryPolicy

if __name__ == "__main__":
    main(RetryPolicy(limit=1, first=0.2, longest=0.4))
