"""The Kubernetes API, as operator and gateway use it. Needs their extras: the runner has neither.

- objects: how they are named; needs nothing
- errors: what can go wrong, each with what follows
- client: reads, writes and watches, as plain JSON
- connection: the way to the API server, from a pod or with a kubeconfig
"""
