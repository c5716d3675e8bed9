"""Everything on one machine in one command: what `make run` calls.

- main: the command line and exit codes
- options: what was asked for
- refusals: why it cannot run, each in a sentence
- checks, lock: what must hold before anything is started
- redis_server, model: the servers beside the gateway, under the guard
- gateway: the gateway itself, in this process
- sample: a small repository to work on
- job, client: the main job, run over HTTP as any client would
- transcript, terminal: a session's stream, readable in a terminal
"""
