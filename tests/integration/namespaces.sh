# Shared by the tests of packets, which source it after common.sh: two network namespaces, $near and $far, with a veth
# pair near0 - far0 between them. They and everything in them are gone when the test ends.
#   near0  10.99.0.1  fd99::1  02:00:00:00:99:01        far0  10.99.0.2  fd99::2  02:00:00:00:99:02

near=netmem-near-$$
far=netmem-far-$$

near() { ip netns exec "$near" "$@"; }
far() { ip netns exec "$far" "$@"; }

remove_namespaces() { ip netns del "$near" 2>/dev/null; ip netns del "$far" 2>/dev/null; }

# Skips the test where packets of an interface cannot be had here.
need_xdp() {
  need ip ethtool python3
  [ "$(id -u)" = 0 ] || skip "network namespaces and AF_XDP need root"
  ip netns add "$near" 2>"$work/netns" || skip "this machine lets nobody make network namespaces: $(cat "$work/netns")"
  at_exit+=(remove_namespaces)
  near true 2>"$work/netns" || skip "programs cannot run in network namespaces here (a chroot?): $(cat "$work/netns")"
  ip netns add "$far"
  python3 -c 'import socket; socket.socket(44, socket.SOCK_RAW, 0)' 2>"$work/socket" ||
    skip "this kernel has no AF_XDP: $(tail -n 1 "$work/socket")"
  "$netmem" recv --interface netmem-none --any >"$work/probe" 2>&1 || true
  if grep -qi 'built without' "$work/probe"; then skip "$(cat "$work/probe")"; fi
}

# make_pair MTU QUEUES: the interfaces, up, with addresses and neighbours that nobody needs to ask for.
make_pair() {
  local mtu=$1 queues=$2
  ip link add near0 netns "$near" mtu "$mtu" address 02:00:00:00:99:01 numtxqueues "$queues" numrxqueues "$queues" \
    type veth peer name far0 netns "$far" mtu "$mtu" address 02:00:00:00:99:02 numtxqueues "$queues" \
    numrxqueues "$queues" 2>"$work/veth" || skip "this machine has no veth interfaces: $(cat "$work/veth")"
  set_up "$near" near0 1 2
  set_up "$far" far0 2 1
}

# set_up NAMESPACE INTERFACE OWN PEER
set_up() {
  ip netns exec "$1" sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.accept_dad=0 2>/dev/null || true
  # Nothing but what the test sends: no router solicitations, no multicast reports.
  ip -n "$1" link set "$2" addrgenmode none multicast off
  ip -n "$1" link set lo up
  ip -n "$1" link set "$2" up
  ip -n "$1" addr add "10.99.0.$3/24" dev "$2"
  ip -n "$1" -6 addr add "fd99::$3/64" dev "$2" nodad 2>/dev/null || true
  neighbour "$1" "$2" "$4"
}

# neighbour NAMESPACE INTERFACE PEER
neighbour() {
  ip -n "$1" neigh replace "10.99.0.$3" lladdr "02:00:00:00:99:0$3" dev "$2" nud permanent
  ip -n "$1" -6 neigh replace "fd99::$3" lladdr "02:00:00:00:99:0$3" dev "$2" nud permanent 2>/dev/null || true
}

have_namespace_ipv6() { ip -n "$far" -6 addr show dev far0 | grep -q 'fd99::2'; }

# start_far NAME LINES COMMAND...: netmem in $far, until it has said so many lines that it receives; sets $pid.
start_far() {
  local name=$1 lines=$2
  shift 2
  start "$name" ip netns exec "$far" "$netmem" "$@"
  eventually says_so_or_dead "$name" "$lines" "$pid"
  [ "$(count_says_so "$name")" -ge "$lines" ] || fail "$name does not receive"
}
count_says_so() { grep -Ec '^(receiving|echoing) on ' "$work/$1.err" || true; }
says_so_or_dead() { [ "$(count_says_so "$1")" -ge "$2" ] || is_dead "$3"; }

# start_packets NAME ARGUMENTS...: netmem recv --interface far0 on one queue, with --json; sets $pid.
start_packets() {
  local name=$1
  shift
  start_far "$name" 1 recv --interface far0 --json "$@"
}

# sink PORT: a socket in $far that reads nothing, so that datagrams which the kernel gets are no error for their sender.
sink() {
  start sink ip netns exec "$far" python3 -c '
import signal, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.99.0.2", int(sys.argv[1])))
print("listening on 10.99.0.2:" + sys.argv[1], file=sys.stderr, flush=True)
signal.pause()' "$1"
  port_of sink
}

# ask NAME EXPRESSION: a Python expression over d, the summary of NAME (--json).
ask() { python3 -c 'import json, sys; d = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$work/$1.out" "$2"; }

# expect NAME EXPRESSION VALUE
expect() { equal "$(ask "$1" "$2")" "$3" "$2 of $1"; }

# Every frame that the XDP program took off the kernel's path is in the summary: received, or lost for a reason with a
# name.
accounted() {
  books_balance "$1"
  python3 - "$work/$1.out" <<'PYTHON' || { cat "$work/$1.out" >&2; fail "frames of $1 are missing"; }
import json, sys
ports = [queue["port"] for queue in json.load(open(sys.argv[1]))["queues"]]
def total(*names):
    return sum(port[name] for port in ports for name in names)
received = total("received")
lost = {name: total(name) for name in (
    "no_device_page", "payload_copy_failed", "too_many_buffers", "fill_ring_empty", "rx_ring_full", "rx_dropped")}
print("%d redirected = %d received + %s" % (total("redirected"), received, {k: n for k, n in lost.items() if n}))
sys.exit(total("redirected") != received + sum(lost.values()))
PYTHON
}
# frames_redirected: what the driver of far0 gave to sockets so far, as the kernel counts it.
frames_redirected() { far ethtool -S far0 | awk '/rx_queue_[0-9]+_xdp_redirect:/ { n += $2 } END { print n + 0 }'; }

no_xdp_in() { ! ip -n "$1" -d link show dev "$2" | grep -q 'prog/xdp'; }
