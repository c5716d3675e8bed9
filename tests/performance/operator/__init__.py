"""Measures what the operator promises: ``python -m performance.operator``, or make bench-operator.

Against the real kube-apiserver and etcd, with KWOK's pods and a real Redis: benches ``one`` (create
to Ready one at a time, and 100 at once), ``steady`` (20 and 40 a second), ``flood`` (as fast as the
API server takes them) and ``many`` (10,000 that rest, and a restart with them). ``--quick`` takes
about a minute and a half. Figures go to stdout, everything measured to bench-results/.

Modules: benches (what is run), creating and resting (the measurements), stage (all processes),
replica (the operator as a process), audit (its writes, as the API server tells them), answers (what
the load generator says).
"""
