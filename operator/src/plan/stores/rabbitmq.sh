#!/bin/sh
# Starts RabbitMQ on its volume. The administrator follows the Secret at every start; the services' users, which the
# provision Job has made, stay.
set -eu
umask 077

# The programs themselves come before wrappers that insist on changing the user.
for folder in /opt/rabbitmq/sbin /usr/lib/rabbitmq/bin; do
  if [ -x "$folder/rabbitmq-server" ]; then
    PATH=$folder:$PATH
    break
  fi
done

# Another major version may misread what is on the volume. A volume without data is whoever's comes first, and an image
# that keeps its programs elsewhere is not known.
runs=
for plugin in /opt/rabbitmq/plugins/rabbit-[0-9]* \
  /usr/lib/rabbitmq/lib/rabbitmq_server-*/plugins/rabbit-[0-9]*; do
  [ ! -e "$plugin" ] || runs=$(basename "$plugin" | sed 's/rabbit-\([0-9]*\).*/\1/')
done
version=$HOME/major-version
if [ -n "$runs" ]; then
  if [ ! -d "$RABBITMQ_MNESIA_BASE/$RABBITMQ_NODENAME" ] || [ ! -s "$version" ]; then
    echo "$runs" >"$version.new"
    mv -f "$version.new" "$version"
  fi
  written=$(cat "$version")
  if [ "$written" != "$runs" ]; then
    echo "what is on the volume was written by RabbitMQ $written, and this image has $runs: use an image of $written;" \
      "to go to $runs, let the queues run empty and give it a fresh volume (docs/stores.md), or create another platform" |
      tee /dev/termination-log >&2
    exit 1
  fi
fi

# Erlang accepts a cookie only from a file that is its own and nobody else's to read. The data does not depend on it.
cookie=$HOME/.erlang.cookie
rm -f "$cookie.new"
cp /run/orion/admin/erlang-cookie "$cookie.new"
chmod 400 "$cookie.new"
mv -f "$cookie.new" "$cookie"

# RabbitMQ reads definitions before it listens, makes the users in them and gives those that are there the password
# in them. It takes a salted hash, so that the password itself is in no file, argument or variable of the server's.
IFS= read -r username </run/orion/admin/username || [ -n "$username" ]
IFS= read -r password </run/orion/admin/password || [ -n "$password" ]
cr=$(printf '\r')
# Four bytes, as RabbitMQ wants them, and all of them letters, which a shell can hold.
salt=$(head -c 3 /dev/urandom | base64)
digest=$(printf '%s%s' "$salt" "${password%"$cr"}" | sha256sum | cut -d ' ' -f 1)
hash=$({
  printf %s "$salt"
  for byte in $(echo "$digest" | sed 's/../0x& /g'); do printf "\\$(printf %03o "$byte")"; done
} | base64 | tr -d '\n')
name=$(printf %s "${username%"$cr"}" | sed 's/[\\"]/\\&/g')
cat >/tmp/definitions.json <<JSON
{"users": [{"name": "$name", "password_hash": "$hash", "hashing_algorithm": "rabbit_password_hashing_sha256",
            "tags": ["administrator"]}]}
JSON

# Erlang sets aside memory for as many files as it may open, and a container may open a billion.
ulimit -n 65536 2>/dev/null || true

exec rabbitmq-server
