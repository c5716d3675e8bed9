# What Kubernetes runs as pods, one target each, from our own binaries in bin/. node_image.py gives
# them the names that kubeadm asks for.

FROM scratch AS kube-apiserver
COPY bin/kube-apiserver /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/kube-apiserver"]

FROM scratch AS kube-controller-manager
COPY bin/kube-controller-manager /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/kube-controller-manager"]

FROM scratch AS kube-scheduler
COPY bin/kube-scheduler /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/kube-scheduler"]

FROM scratch AS etcd
COPY bin/etcd /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/etcd"]

FROM scratch AS coredns
COPY bin/coredns /
ENTRYPOINT ["/coredns"]

# Debian's catatonit, which podman takes for the same.
FROM scratch AS pause
COPY bin/catatonit /pause
ENTRYPOINT ["/pause", "-P"]

FROM debian:bookworm-slim AS network
RUN apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        conntrack iproute2 ipset iptables kmod nftables \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/log/*

FROM network AS kube-proxy
COPY bin/kube-proxy /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/kube-proxy"]

FROM network AS kube-router
COPY bin/kube-router /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/kube-router"]

FROM debian:bookworm-slim AS shell
RUN apt-get update \
    && apt-get install -y --no-install-recommends busybox-static \
    && mkdir -p /small/bin \
    && cp /bin/busybox /small/bin/ \
    && for name in sh mkdir rm; do ln -s busybox /small/bin/$name; done

# The shell is for the pods that it starts to make or remove a volume's folder.
FROM scratch AS local-path-provisioner
COPY --from=shell /small/ /
COPY bin/local-path-provisioner /usr/local/bin/
ENTRYPOINT ["/usr/local/bin/local-path-provisioner"]
