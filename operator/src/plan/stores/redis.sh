#!/bin/sh
# Starts Redis on its volume. The administrator's line of the ACL file follows the Secret at every start; the
# services' lines, which the provision Job has made, stay.
set -eu
umask 077

acl=/data/users.acl
password=$(cat /run/orion/admin/password)
hash=$(printf %s "$password" | sha256sum | cut -d ' ' -f 1)
{
  echo "user default off"
  echo "user admin on #$hash ~* &* +@all"
  [ ! -e "$acl" ] || grep -v -e '^user default ' -e '^user admin ' "$acl" || true
} >"$acl.new"
mv "$acl.new" "$acl"

exec redis-server /etc/orion/store/redis.conf
