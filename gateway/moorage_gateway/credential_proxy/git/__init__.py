"""Git over HTTPS for sessions: their repositories with credentials that no pod ever sees.

Modules: repositories (which one is meant, and what is allowed with it), push (what a push asks
for), credentials and github (how the proxy proves itself to a git server), service (the endpoints).
"""
