#!/bin/sh
# Starts PostgreSQL: makes its files if there are none, sets the password that the Secret has. Any
# image will do that has a shell and PostgreSQL's server, in PATH or where Debian puts it.
set -eu
umask 077
for folder in /usr/lib/postgresql/*/bin; do
	PATH="$folder:$PATH"
done

# One command a line, as the single-user mode takes them; an error ends it.
as_superuser() {
	postgres --single -D "$1" -c exit_on_error=true -c log_min_error_statement=panic \
		postgres >/dev/null
}

if [ ! -d "$PGDATA" ]; then
	rm -rf "$PGDATA.new"
	initdb --pgdata="$PGDATA.new" --username=postgres --encoding=UTF8 --locale=C \
		--auth=reject >/dev/null
	echo 'CREATE ROLE moorage LOGIN' | as_superuser "$PGDATA.new"
	echo 'CREATE DATABASE moorage OWNER moorage' | as_superuser "$PGDATA.new"
	sync
	mv "$PGDATA.new" "$PGDATA"
fi
chmod 0700 "$PGDATA"
# Of a server that was killed: its number may be another process's by now. Nobody else is here.
rm -f "$PGDATA/postmaster.pid"
password=$(sed "s/'/''/g" /passwords/password)
printf '%s\n' "ALTER ROLE moorage PASSWORD '$password'" | as_superuser "$PGDATA"
exec postgres -D "$PGDATA" -c config_file=/config/postgresql.conf -c hba_file=/config/pg_hba.conf
