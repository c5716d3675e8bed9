"""A Kubernetes cluster on this machine: kind's, and all that kind needs where it is missing.

    python -m cluster up [--nodes 1|3] [--port 8080]    make it, or find that it is there
    python -m cluster build NAME DOCKERFILE CONTEXT     build an image
    python -m cluster load IMAGE...                     put images on the nodes
    python -m cluster status | kubeconfig | env         what there is; how to reach it
    python -m cluster down                              stop it; nothing of it stays but the cache

With a Docker engine this is stock kind: ``kind.yaml``, its node image from a registry. Without one
(Debian, root, package registries only) ``box`` starts an engine of its own and ``node`` makes the
node image. docs/cluster.md tells the whole story. Nothing but the Makefile and tests use this.
"""
