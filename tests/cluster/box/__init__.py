"""A Docker engine of our own, in a box: a small Debian in namespaces of its own.

Everything that the engine, the nodes and the pods do to a machine they do to the box: processes,
mounts, bridges, iptables rules, forwarding, routes. It has one first process; when that ends, the
kernel ends all others and takes mounts and network with them, however the end came. What is left
is ours to clear (``clear``): the cgroups, and the few kernel settings that no namespace has.

The box reaches the network through slirp4netns, an ordinary process that opens connections for it,
so the host needs neither bridge nor rule. It is reached through two sockets in ``run``: the
engine's, and slirp4netns's, which is asked to listen on loopback for a port of the box.
"""
