#!/bin/sh
# Before a node ends: a master hands over to a replica that has everything, instead of being found missing. Writes wait
# meanwhile, so that none is taken that the next master doesn't get. The Sentinels' own word waits behind them: this node
# follows the next master as soon as there is one.
set -eu
. /etc/orion/store/common.sh

[ "$(redis "$SELF" role | head -n 1)" = master ] || exit 0
redis "$SELF" client pause 15000 write
for peer in $NODES; do
  [ "$peer" = "$SELF" ] || ! sentinel "$peer" failover orion || break
done
tries=0
while [ "$tries" -lt 50 ]; do
  next=$(sentinel "$peer" get-master-addr-by-name orion | head -n 1)
  if [ -n "$next" ] && [ "$next" != "$SELF" ]; then
    redis "$SELF" replicaof "$next" 6379
    # Who writes is sent away, to ask for the master again.
    redis "$SELF" client kill type normal skipme yes
    exit 0
  fi
  tries=$((tries + 1))
  sleep 0.2
done
