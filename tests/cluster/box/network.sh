#!/bin/sh
# In the box's own network, with slirp4netns at its other end: starts the engine.
set -eu
mount --rbind /run/cgroup /sys/fs/cgroup

# What the host forwards comes to tap0's address; kind's ports listen on loopback.
echo 1 > /proc/sys/net/ipv4/conf/tap0/route_localnet
iptables -t nat -A PREROUTING -i tap0 -d 10.0.2.100 -j DNAT --to-destination 127.0.0.1

bounding=$(sed -n 's/^CapBnd:\t//p' /proc/self/status)
sys_resource=24
if [ $((0x$bounding >> sys_resource & 1)) = 0 ]; then
    set -- --add-runtime=reduced=/run/box/runc.sh --default-runtime=reduced
fi
exec dockerd --host=unix:///run/box/docker.sock --pidfile=/run/docker.pid "$@"
