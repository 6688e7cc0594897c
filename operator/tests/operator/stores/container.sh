#!/bin/sh
# Runs a store's container as a node would: the root file system of its image, a layer on top that goes with the
# container, and what the plan mounts. It is process 1 of a process namespace of its own.
#
# container.sh <root file system> <folder> <path>=<folder to be mounted there>… -- NAME=VALUE… <command>…
set -eu
root=$1 layer=$2/layer
shift 2
mkdir -p "$layer"
mount -t tmpfs -o mode=0755 tmpfs "$layer"
mkdir "$layer/upper" "$layer/work" "$layer/root"
mount -t overlay overlay -o "lowerdir=$root,upperdir=$layer/upper,workdir=$layer/work" "$layer/root"
root=$layer/root
mount -t proc proc "$root/proc"
# Erlang finds its own name only if localhost has an address.
echo '127.0.0.1 localhost' >"$root/etc/hosts"
: >"$root/dev/termination-log"
chown 999:999 "$root/dev/termination-log"
while [ "$1" != -- ]; do
  # From inside: a link such as /var/run would lead out of it.
  chroot "$root" /bin/mkdir -p "${1%%=*}"
  mount --bind "${1#*=}" "$root$(chroot "$root" /bin/realpath "${1%%=*}")"
  shift
done
shift
exec chroot --userspec=999:999 --groups= "$root" /usr/bin/env -i \
  PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "$@"
