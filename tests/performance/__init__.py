"""Measures what Moorage promises about speed and size: ``python -m performance``.

``--quick`` takes a few seconds for each figure, ``--only NAME`` (repeatable) runs some of the
benches: streams, fanout, idle, messages. The table goes to stdout, everything measured to
``bench-results/bench.json`` (``--output``). It measures and judges nothing: a missed target is
said, and the exit status is 0 all the same; it is 1 only where something could not be measured.

<<<<<<< HEAD
The operator's benches are in the package ``operator``: ``python -m performance.operator``; those of
a whole cluster in ``cluster``: ``python -m performance.cluster``.
=======
The operator's benches are in the package ``operator``: ``python -m performance.operator``; those
of the gateway in a cluster in ``gateway``: ``python -m performance.gateway``.
>>>>>>> 46215ad (Measure the gateway as it serves a cluster: make bench-gateway)

Modules: command (what command lines share), benches (what is run), rounds (what is measured
again), live and answers (the measurements), messages (a client of one session), stage (Moorage as
a process), seeding (sessions without a runner), spare (the runner that is kept warm), generator
and toolchain (the load generator, in Go in loadgen/), procfs (what a process uses), figures
(values beside their targets), report, machine.
"""
