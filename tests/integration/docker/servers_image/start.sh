#!/bin/sh
# POSTGRES_DB, POSTGRES_USER and POSTGRES_PASSWORD as in the official image; any other command is run as it is.
set -eu
[ "$1" = postgres ] || exec "$@"
bin=$(echo /usr/lib/postgresql/*/bin)
as() { setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; }
chown postgres "$PGDATA"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    mkfifo /tmp/password && chown postgres /tmp/password
    printf '%s\n' "$POSTGRES_PASSWORD" > /tmp/password &
    as "$bin/initdb" -D "$PGDATA" -U "$POSTGRES_USER" --auth=scram-sha-256 --pwfile=/tmp/password --no-sync >/dev/null
    rm /tmp/password
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    printf 'CREATE DATABASE "%s";\n' "$POSTGRES_DB" | as "$bin/postgres" --single -D "$PGDATA" postgres >/dev/null
fi
exec setpriv --reuid=postgres --regid=postgres --clear-groups \
    "$bin/postgres" -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories=/tmp -c fsync=off
