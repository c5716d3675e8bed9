"""A hostile session on the real cluster: it tries, and fails, as `make test-isolation` shows.

The scripted model makes real Claude Code run each attempt with Bash. An attempt is a row of a
table: its command, what is expected to be seen, and how the measure that stops it is taken away,
after which the same command has to succeed: one that would fail anyway proves nothing.

Modules: attempts (what one is, and the table that comes out); their lists by boundary: network,
redis_logins, pods, proxied, shown, limits; attack (the attacker's own tool, run in pods that have
nothing but Python); stand_ins (servers at addresses that must be out of reach); hostile (a session
whose Claude Code does as told); measures (taking one away); siege (all of it in order).
"""
