#!/bin/sh
# Starts PostgreSQL on its volume, which is set up at the first start.
set -eu
umask 077

# Debian's own programs come before its wrappers for several versions, which need more than a small image may have.
PATH=/usr/lib/postgresql/17/bin:$PATH

# A salted hash of the password that was set last is kept beside the data: setting one is a start of its own.
IFS= read -r password </run/orion/admin/password || [ -n "$password" ]
password=${password%"$(printf '\r')"}
hash_with() {
  printf '%s %s\n' "$1" "$(printf '%s%s' "$1" "$password" | sha256sum | cut -d ' ' -f 1)"
}
note_password() {
  hash_with "$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')" >"$PGDATA.password.new"
  mv "$PGDATA.password.new" "$PGDATA.password"
}

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
  note_password
fi

# PostgreSQL reads only what its own major version has written, and says so where nobody looks.
written=$(cat "$PGDATA/PG_VERSION")
runs=$(postgres --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
if [ "$written" != "$runs" ]; then
  echo "what is on the volume was written by PostgreSQL $written, and this image has $runs: use an image of $written;" \
    "to go to $runs, dump the databases and restore them into another platform" | tee /dev/termination-log >&2
  exit 1
fi

# The administrator's password follows the Secret: another one is set before anybody can connect.
set_before=$(cat "$PGDATA.password" 2>/dev/null || true)
if [ "$set_before" != "$(hash_with "${set_before%% *}")" ]; then
  quoted=$(printf %s "$password" | sed "s/'/''/g")
  # On standard input: arguments are everybody's to read.
  if ! postgres --single -D "$PGDATA" -c config_file=/etc/orion/store/postgresql.conf -c exit_on_error=on postgres \
    >/dev/null <<SQL; then
ALTER ROLE postgres PASSWORD '$quoted'
SQL
    echo "the password in the administrator's Secret can't be set: this container's log says why" |
      tee /dev/termination-log >&2
    exit 1
  fi
  note_password
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
