"""Measures what the gateway promises: ``python -m performance.gateway``, or make bench-gateway.

`moorage-gateway serve`, one process, users logged in and limits on, over the real kube-apiserver,
PostgreSQL and Redis, all on the cores that the load generator uses too: benches ``requests`` (how
many a second over 32 connections, how late at half of the target), ``recorder`` (its lag),
``streams`` (a client that is away, clients that do not read) and ``process`` (start, memory).
``--quick`` takes a minute and a half. Figures go to stdout, everything measured to bench-results/.

Modules: benches (what is run), asking, recording, following and resting (the measurements), stage
(all processes), replica (the gateway as a process).
"""
