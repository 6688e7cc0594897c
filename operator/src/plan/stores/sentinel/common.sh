# What the scripts of a node share. A node is a pod: Redis and a Sentinel. The operator sets:
#   SELF      this node's name, by which all others find it whatever address it has
#   NODES     all nodes' names, the one that begins as master first
#   MAJORITY  how many nodes are more than half

secret() { cat "/run/orion/admin/$1"; }

hashed() { printf %s "$(secret "$1")" | sha256sum | cut -d ' ' -f 1; }

# redis <node> <word>…: asks a node's Redis, as administrator.
redis() {
  node=$1
  shift
  REDISCLI_AUTH=$(secret password) timeout 5 redis-cli -e -h "$node" -p 6379 --user admin --no-auth-warning "$@"
}

# sentinel <node> <word>…: asks a node's Sentinel, as a Sentinel.
sentinel() {
  node=$1
  shift
  REDISCLI_AUTH=$(secret sentinel-password) timeout 5 redis-cli -e -h "$node" -p 26379 --user sentinel \
    --no-auth-warning sentinel "$@"
}

# What a node's Sentinel knows of the master: "<epoch> <replicas> <name> <flags>", "none", or nothing if it doesn't answer.
view() {
  seen=$(sentinel "$1" master orion 2>&1) || case $seen in
    *'No such master'*) echo none && return ;;
    *) return 0 ;;
  esac
  printf '%s\n' "$seen" | {
    while read -r key && read -r value; do
      case $key in
        ip) name=$value ;;
        flags) flags=$value ;;
        config-epoch) epoch=$value ;;
        num-slaves) replicas=$value ;;
      esac
    done
    echo "$epoch $replicas $name $flags"
  }
}
