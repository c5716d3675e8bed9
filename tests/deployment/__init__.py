"""Moorage on the cluster of this machine: `make up`, `make down`, and what the e2e tests stand on.

    python -m deployment up      cluster, images, chart, an admin to log in as

Without a model's key the scripted model is installed too, in a namespace of its own with a git
server beside it, as `make run` does it. Only what changed is built, sent and rolled: images are
named by their content.

Modules: images (built and on the nodes), services (Redis and PostgreSQL where there is no
registry), model (the scripted one, or the key of the real one), release (the chart), diagnosis (why
it is not ready), login (the admin), values (what the chart is told), kube (objects into the
cluster).
"""
