#!/bin/sh
# Starts the Sentinel of a node. What it has agreed on with the others is in its file on the volume and stays; what the
# operator decides is written anew at every start. Whom to watch it is told by the node's Redis.
set -eu
umask 077
. /etc/orion/store/common.sh

# What it has agreed on, without nodes that are none any more, where a platform of the same name had more of them: each
# would count for a majority.
agreed() {
  grep '^sentinel ' "$1" | grep -vE '^sentinel (resolve|announce)-|^sentinel sentinel-' | while read -r line; do
    case $line in
      'sentinel known-'*)
        node=$(echo "$line" | cut -d ' ' -f 4)
        case " $NODES " in *" $node "*) ;; *) continue ;; esac
        ;;
    esac
    echo "$line"
  done
}

mkdir -p /data/sentinel
{
  echo "user default on nopass resetchannels -@all +auth +hello +ping +client|setname +client|setinfo" \
    "+sentinel|get-master-addr-by-name +sentinel|sentinels +sentinel|replicas"
  echo "user sentinel on #$(hashed sentinel-password) &* +@all"
} >/data/sentinel/users.acl
kept=/data/sentinel/sentinel.conf
{
  cat /etc/orion/store/sentinel.conf
  echo "sentinel announce-ip $SELF"
  echo "sentinel sentinel-user sentinel"
  echo "sentinel sentinel-pass $(secret sentinel-password)"
  [ ! -e "$kept" ] || agreed "$kept"
} >"$kept.new"
mv "$kept.new" "$kept"
exec redis-server "$kept" --sentinel
