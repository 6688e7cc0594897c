#!/bin/sh
# Starts PostgreSQL on its volume, which is set up at the first start.
set -eu
umask 077

# Debian's own programs come before its wrappers for several versions, which need more than a small image may have.
PATH=/usr/lib/postgresql/17/bin:$PATH

if [ ! -s "$PGDATA/PG_VERSION" ]; then
  # Made beside its place and renamed when whole: a start that is killed meanwhile leaves nothing half done.
  rm -rf "$PGDATA.new"
  if [ -e "$PGDATA" ] && [ -n "$(ls -A "$PGDATA")" ]; then
    echo "$PGDATA is not empty and holds no database: look at it, then empty it" | tee /dev/termination-log >&2
    exit 1
  fi
  # The built-in locale sorts alike whatever C library an image has.
  initdb --pgdata="$PGDATA.new" --username=postgres --pwfile=/run/orion/admin/password \
    --auth-local=trust --auth-host=scram-sha-256 --data-checksums --encoding=UTF8 \
    --no-instructions --locale-provider=builtin --locale=C.UTF-8 --builtin-locale=C.UTF-8
  rm -rf "$PGDATA"
  mv "$PGDATA.new" "$PGDATA"
fi

# Kubernetes stops a container with TERM, on which PostgreSQL would wait for its clients to leave. INT makes it roll
# their transactions back and write everything out.
server=
stopping=
stop() {
  stopping=yes
  [ -z "$server" ] || kill -INT "$server"
}
trap stop TERM INT

postgres -D "$PGDATA" -c config_file=/etc/orion/store/postgresql.conf &
server=$!
[ -z "$stopping" ] || kill -INT "$server"
# A signal ends the wait, not the server.
while :; do
  code=0
  wait "$server" || code=$?
  kill -0 "$server" 2>/dev/null || exit "$code"
done
