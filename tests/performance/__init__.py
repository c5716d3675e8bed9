"""Measures what Moorage promises about speed and size: ``python -m performance``.

``--quick`` takes a few seconds for each figure, ``--only NAME`` (repeatable) runs some of the
benches: streams, fanout, idle, messages. The table goes to stdout, everything measured to
``bench-results/bench.json`` (``--output``). It measures and judges nothing: a missed target is
said, and the exit status is 0 all the same; it is 1 only where something could not be measured.

The operator's benches are in the package ``operator``: ``python -m performance.operator``; those of
a whole cluster in ``cluster``, those of the gateway in one in ``gateway``, run in the same way.

Modules: command (what command lines share), benches (what is run), rounds (what is measured
again), live and answers (the measurements), messages (a client of one session), stage (Moorage as
a process), seeding (sessions without a runner), spare (the runner that is kept warm), generator
and toolchain (the load generator, in Go in loadgen/), procfs (what a process uses), figures
(values beside their targets), report, machine.
"""
