#!/bin/sh
# Starts RabbitMQ on its volume.
set -eu
umask 077

# The programs themselves come before wrappers that insist on changing the user.
for folder in /opt/rabbitmq/sbin /usr/lib/rabbitmq/bin; do
  if [ -x "$folder/rabbitmq-server" ]; then
    PATH=$folder:$PATH
    break
  fi
done

# Erlang accepts a cookie only from a file that is its own and nobody else's to read.
cookie=$HOME/.erlang.cookie
rm -f "$cookie.new"
cp /run/orion/admin/erlang-cookie "$cookie.new"
chmod 400 "$cookie.new"
mv -f "$cookie.new" "$cookie"

# Only a fresh volume takes these up.
RABBITMQ_DEFAULT_USER=$(cat /run/orion/admin/username)
RABBITMQ_DEFAULT_PASS=$(cat /run/orion/admin/password)
export RABBITMQ_DEFAULT_USER RABBITMQ_DEFAULT_PASS

# Erlang sets aside memory for as many files as it may open, and a container may open a billion.
ulimit -n 65536 2>/dev/null || true

exec rabbitmq-server
