#!/bin/sh
# Starts redis-server with the users of users.acl: the digests of their passwords are put in, so that
# Redis is told no password. Any image will do that has a shell and redis-server.
set -eu
umask 077

digest() {
	tr -d '\r\n' <"/passwords/$1-password" | sha256sum | cut -d ' ' -f 1
}

sed -e "s/#OPERATOR/#$(digest operator)/" -e "s/#GATEWAY/#$(digest gateway)/" \
	/config/users.acl >/run/redis/users.acl
exec redis-server /config/redis.conf "$@"
