#!/bin/sh
# A Sentinel has started once it could replace the master: it knows of all replicas. It asks the master for them every
# 10 s; elected before that, it would have none to choose, or leave one behind that it can't tell of the next master.
set -eu
. /etc/orion/store/common.sh

read -r epoch replicas rest <<VIEW
$(view "$SELF")
VIEW
set -- $NODES
[ "${replicas:-0}" -ge "$(($# - 1))" ]
