"""Where sessions live: one small interface, one folder per implementation.

- interface: what the gateway knows of sessions
- changes: tells watchers, for every implementation
- local: the runner as a child process
- kubernetes: ClaudeSessions in a cluster
"""
