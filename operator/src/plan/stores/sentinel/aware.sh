#!/bin/sh
# A Sentinel has started once it could replace the master: it knows of replicas, as many as make a majority with the
# master. It asks the master for them every 10 s, and elected before that it would have none to choose.
set -eu
. /etc/orion/store/common.sh

read -r epoch replicas master <<VIEW
$(view "$SELF")
VIEW
[ "${replicas:-0}" -ge "$((MAJORITY - 1))" ]
