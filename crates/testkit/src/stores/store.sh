#!/bin/sh
# Runs one store for the tests in its own mount and process namespaces, on memory, and ends it when nobody holds the
# lock any more. It is process 1 in there: whatever way it ends, everything it started ends with it.
#
# store.sh <store> <root file system> <folder> <port> <second port> <port for TLS>
# In <folder>: `users` is the lock, `password` the administrator's; `gone` is written when the store ended by itself.
set -eu
store=$1 root=$2 folder=$3 port=$4 second=$5 tls=$6
password=$(cat "$folder/password")
# Long enough to bridge the gap between two test programs of one run.
linger=15

mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs -o size=2g,mode=1777 tmpfs "$root/tmp"
mount -t tmpfs -o size=2g,uid=999,gid=999,mode=0700 tmpfs "$root/mnt"
mount --rbind /dev "$root/dev"
ulimit -n 65536 2>/dev/null || true

for file in ca.crt server.crt server.key; do
  cp "$folder/$file" "$root/mnt/$file"
  chown 999:999 "$root/mnt/$file"
  chmod 600 "$root/mnt/$file"
done

as_store() {
  chroot --userspec=999:999 --groups= "$root" /usr/bin/env -i \
    PATH=/usr/lib/postgresql/17/bin:/usr/lib/rabbitmq/bin:/usr/bin:/bin LANG=C.UTF-8 HOME=/mnt "$@"
}

postgres() {
  printf %s "$password" >"$root/tmp/password"
  chmod 644 "$root/tmp/password"
  as_store initdb --pgdata=/mnt/data --username=postgres --pwfile=/tmp/password --auth=scram-sha-256 \
    --encoding=UTF8 --locale-provider=builtin --locale=C.UTF-8 --builtin-locale=C.UTF-8 --no-sync --no-instructions
  as_store postgres -D /mnt/data -c listen_addresses=127.0.0.1 -c port="$port" -c unix_socket_directories=/tmp \
    -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=500 -c timezone=UTC -c jit=off \
    -c ssl=on -c ssl_cert_file=/mnt/server.crt -c ssl_key_file=/mnt/server.key
}

redis() {
  # In a file, as in the cluster: what gives out accounts saves them there.
  echo "user default on >$password ~* &* +@all" >"$root/mnt/users.acl"
  chown 999:999 "$root/mnt/users.acl"
  as_store redis-server --bind 127.0.0.1 --port "$port" --tls-port "$tls" --tls-auth-clients no \
    --tls-cert-file /mnt/server.crt --tls-key-file /mnt/server.key --tls-ca-cert-file /mnt/ca.crt --aclfile /mnt/users.acl --databases 256 \
    --save '' --appendonly no --dir /mnt --maxmemory-policy noeviction
}

rabbitmq() {
  cat >"$root/tmp/rabbitmq.conf" <<CONF
listeners.tcp.1 = 127.0.0.1:$port
listeners.ssl.1 = 127.0.0.1:$tls
ssl_options.cacertfile = /mnt/ca.crt
ssl_options.certfile = /mnt/server.crt
ssl_options.keyfile = /mnt/server.key
management.tcp.ip = 127.0.0.1
management.tcp.port = $second
management.ssl.ip = 127.0.0.1
management.ssl.port = $((tls + 1))
management.ssl.cacertfile = /mnt/ca.crt
management.ssl.certfile = /mnt/server.crt
management.ssl.keyfile = /mnt/server.key
default_user = admin
default_pass = $password
disk_free_limit.absolute = 50MB
log.console = true
log.console.level = warning
log.file = false
CONF
  echo '[rabbitmq_management].' >"$root/tmp/enabled_plugins"
  chmod 644 "$root/tmp/rabbitmq.conf" "$root/tmp/enabled_plugins"
  # Erlang finds its own name only if localhost has an address.
  echo '127.0.0.1 localhost' >"$root/tmp/hosts"
  mount --bind "$root/tmp/hosts" "$root/etc/hosts"
  as_store RABBITMQ_CONFIG_FILE=/tmp/rabbitmq.conf RABBITMQ_ENABLED_PLUGINS_FILE=/tmp/enabled_plugins \
    RABBITMQ_MNESIA_BASE=/mnt/data RABBITMQ_LOG_BASE=/mnt/log RABBITMQ_NODENAME="orion$port@localhost" \
    RABBITMQ_DIST_PORT=$((second + 1)) ERL_EPMD_PORT=$((second + 2)) ERL_EPMD_ADDRESS=127.0.0.1 \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1} +sbwt none' \
    rabbitmq-server
}

{
  "$store" || true
  : >"$folder/gone"
} &

idle=0
while [ ! -e "$folder/gone" ] && [ "$idle" -lt "$linger" ]; do
  sleep 1
  # Every test program holds it shared.
  if flock --nonblock --exclusive "$folder/users" true; then idle=$((idle + 1)); else idle=0; fi
done
[ ! -e "$folder/gone" ] || exit 1
# Whoever comes now waits for the lock, and finds no state: it starts another. Whoever came just before still has this
# one, until it ends.
exec 9<"$folder/users"
flock --exclusive 9
rm -f "$folder/state.json"
