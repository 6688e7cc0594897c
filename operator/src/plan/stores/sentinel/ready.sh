#!/bin/sh
# Ready is a master that answers, or a replica that has what the master has: the next node is only taken away when this
# one could take its place. One whose disk is full refuses pings, and goes on reading.
set -eu
. /etc/orion/store/common.sh

redis "$SELF" ping 2>&1 | grep -q -e PONG -e MISCONF
redis "$SELF" info replication | grep -q -e '^role:master' -e '^master_link_status:up'
