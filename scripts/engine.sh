# Sourced: sets `engine` to docker, podman or buildah, whichever is there (ENGINE: of these only), `tag`
# to TAG (default: dev) and `names` to the images asked for, or all four.
tag=${TAG:-dev}
names=${*:-moorage-gateway moorage-operator moorage-runner moorage-agent}
for engine in ${ENGINE:-docker podman buildah}; do
	command -v "$engine" >/dev/null && break
	engine=
done
[ -n "${engine:-}" ] || {
	echo "moorage: neither docker, podman nor buildah was found: install one" >&2
	exit 1
}
