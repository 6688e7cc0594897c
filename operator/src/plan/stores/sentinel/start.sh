#!/bin/sh
# Starts the Redis of a node. Which node is the master is for the Sentinels to say, by majority: what a node alone
# remembers may have been overtaken while it was away. Only where no Sentinel of a majority knows of any is the
# platform new, and the first node its master.
set -eu
umask 077
. /etc/orion/store/common.sh

say() {
  [ "$1" = "${said-}" ] || echo "$1"
  said=$1
}

# Sets `master`; fails while it can't be known.
decide() {
  answers=0 newest=-1 most=0 master= choosing=
  for peer in $NODES; do
    known=$(view "$peer")
    [ -n "$known" ] || continue
    answers=$((answers + 1))
    [ "$known" != none ] || continue
    read -r epoch replicas name flags <<VIEW
$known
VIEW
    case $flags in *failover_in_progress*) choosing=yes ;; esac
    [ "$replicas" -le "$most" ] || most=$replicas
    [ "$epoch" -le "$newest" ] || newest=$epoch master=$name
  done
  if [ "$answers" -lt "$MAJORITY" ]; then
    say "waits for the Sentinels of $MAJORITY nodes: $answers answer"
    return 1
  fi
  [ -n "$master" ] || master=${NODES%% *}
  # Two would lead until the Sentinels put that right, which takes them 10 s.
  if [ "$master" = "$SELF" ] && [ -n "$choosing" ]; then
    say "was the master: waits for the Sentinels, which choose another"
    return 1
  fi
  # It would have the others replicate its emptiness.
  if [ "$master" = "$SELF" ] && [ "$most" -gt 0 ] && [ ! -d /data/appendonlydir ]; then
    say "is the master and has lost its volume: waits for the Sentinels to choose one that has the data"
    return 1
  fi
}

# The services' users, which the provision Job has made on each node: of the master, in case this node was away then.
users() {
  ours='^user (default|admin|replica|sentinel) '
  listed=
  [ "$master" = "$SELF" ] || listed=$(redis "$master" acl list 2>/dev/null | grep -vE "$ours") || true
  if [ -n "$listed" ]; then
    printf '%s\n' "$listed"
  elif [ -e /data/users.acl ]; then
    grep -vE "$ours" /data/users.acl || true
  fi
}

# Tells this node's own Sentinel, which keeps it from then on.
tell() {
  case $(view "$SELF") in
    '') return 1 ;;
    none) sentinel "$SELF" monitor orion "$master" 6379 "$MAJORITY" || return 1 ;;
  esac
  sentinel "$SELF" set orion quorum "$MAJORITY" auth-user sentinel auth-pass "$(secret sentinel-password)" \
    down-after-milliseconds 5000 failover-timeout 10000 parallel-syncs 1
}

until decide; do sleep 1; done
{
  echo "user default off"
  echo "user admin on #$(hashed password) ~* &* +@all"
  echo "user replica on #$(hashed replica-password) -@all +psync +replconf +ping"
  echo "user sentinel on #$(hashed sentinel-password) &* -@all +multi +exec +slaveof +ping +info +role +publish" \
    "+subscribe +config|rewrite +client|setname +client|kill +script|kill"
  users
} >/data/users.acl.new
mv /data/users.acl.new /data/users.acl
{
  cat /etc/orion/store/redis.conf
  echo "masterauth $(secret replica-password)"
  echo "replica-announce-ip $SELF"
  # As many as are left out of any majority that could choose another master.
  echo "min-replicas-to-write $((MAJORITY - 1))"
  [ "$master" = "$SELF" ] || echo "replicaof $master 6379"
} >/data/redis.conf
until told=$(tell 2>&1); do
  say "its Sentinel is yet to watch $master: $told"
  sleep 1
done
# They may have chosen another meanwhile.
chosen=$master
until decide; do sleep 1; done
[ "$master" = "$chosen" ] || exec /bin/sh "$0"
exec redis-server /data/redis.conf
