"""The agent of a session's pod: runs Claude Code and git for the runner, and nothing else.

Modules: protocol (what is said over the socket), supervisor (the container's first process: who may
connect), keeper (one command from its start until nothing of it is left), programs (what may be
run, and with which environment), processes (starting and ending them), wake
(signals that can be waited for), transcript (hands out what
Claude Code wrote down), shim (stands in the runner's container for a command that runs here).

Standard library only, and little of it: an image that is made FROM moorage-agent needs no more than
Python, and the shim starts in front of every Claude Code. `python -I -S` runs both.
"""
