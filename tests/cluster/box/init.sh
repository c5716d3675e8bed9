#!/bin/sh
# The first process of the box (see __init__.py), in namespaces of its own but for the network:
# makes a small machine of a Debian tree and starts a Docker engine in it.
#   init.sh TREE DATA RUN
# What is mounted or made here is all that is there afterwards; the host's files are out of sight.
set -eu
tree=$1 data=$2 run=$3

mount --bind "$tree" "$tree"
cd "$tree"
mount -t proc -o nosuid,nodev,noexec proc proc
mount -t tmpfs -o mode=755,nosuid tmpfs dev
mkdir dev/net dev/pts dev/shm
for device in null zero full random urandom tty kmsg fuse net/tun; do
    [ ! -e /dev/$device ] || cp -a /dev/$device dev/$device
done
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs dev/shm
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs tmp
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs run
mkdir -p run/box run/host run/cgroup var/lib/docker
mount --bind "$run" run/box
mount --bind "$data" var/lib/docker

# The root of each hierarchy as the box sees it is the box's own cgroup.
cp /proc/mounts run/mounts
while read -r _ point type options _; do
    case $type in cgroup | cgroup2) ;; *) continue ;; esac
    mkdir "run/cgroup/${point##*/}"
    if [ "$type" = cgroup2 ]; then
        mount -t cgroup2 cgroup2 "run/cgroup/${point##*/}"
        continue
    fi
    controllers=$(echo "$options" | tr , '\n' | while read -r option; do
        case $option in
            name=*) echo "none,$option" ;;
            *) ! cut -f 1 /proc/cgroups | grep -qx "$option" || echo "$option" ;;
        esac
    done | paste -sd , -)
    mount -t cgroup -o "$controllers" cgroup "run/cgroup/${point##*/}"
done < run/mounts

# slirp4netns answers for names there.
echo "nameserver 10.0.2.3" > run/resolv.conf
[ -e etc/resolv.conf ] || : > etc/resolv.conf
mount --bind run/resolv.conf etc/resolv.conf
hostname moorage-cluster

pivot_root . run/host
cd /
umount -l run/host

ip netns add box
mkfifo run/ready
slirp4netns --configure --mtu=65520 --disable-host-loopback --netns-type=path \
    --api-socket=/run/box/forward.sock --ready-fd=3 /run/netns/box tap0 3> run/ready &
[ "$(head -c 1 run/ready)" = 1 ]
exec tini -g -- ip netns exec box /run/box/network.sh
