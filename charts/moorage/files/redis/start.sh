#!/bin/sh
# Starts redis-server with the users of users.acl: the digests of their passwords are put in, so that
# Redis is told no password. Any image will do that has a shell and redis-server.
set -eu
umask 077

users=$(cat /config/users.acl)
for file in /passwords/*-password; do
	user=$(basename "$file" -password | tr '[:lower:]' '[:upper:]')
	digest=$(tr -d '\r\n' <"$file" | sha256sum | cut -d ' ' -f 1)
	users=$(printf '%s\n' "$users" | sed "s/#$user /#$digest /")
done
# A user without a password is none.
printf '%s\n' "$users" | sed '/ #[A-Z]/d' >/run/redis/users.acl
# Since version 7: what all clients' buffers may take together.
case $(redis-server --version) in
*v=[1-6].*) ;;
*) set -- "$@" --maxmemory-clients 25% ;;
esac
exec redis-server /config/redis.conf "$@"
