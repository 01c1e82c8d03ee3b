# The interface goes down and up, changes its MTU, and disappears, under a receiver.
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/namespaces.sh"
need_xdp
make_pair 1500 1

says_now() { grep -q "$2" "$work/$1.err"; }
# An output that is written in place and that nobody need read: what came so far is its size.
received() { stat -c %s "$work/so_far"; }
grows() { [ "$(received)" -gt "$1" ]; }
sends() {
  near timeout "$limit" python3 -c '
import socket, time
peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(100):
    try: peer.sendto(bytes(100), ("10.99.0.2", 9000))
    except OSError: pass  # the link is not up yet, or nobody is there
    time.sleep(0.002)'
}
flows() {
  local before
  before=$(received)
  sends
  eventually grows "$before"
}

sink 9000
start_far link 1 recv --interface far0 --json --udp 9000 --pcap - --digest none
link_pid=$pid
ln "$work/link.out" "$work/so_far"
flows

echo "down and up"
ip -n "$far" link set far0 down
eventually says_now link 'far0 went down: waiting'
ip -n "$far" link set far0 up
eventually says_now link 'far0 is up again'
neighbour "$near" near0 2
flows

echo "another MTU"
ip -n "$far" link set far0 mtu 1400
eventually says_now link 'the MTU of far0 changed'
flows

echo "gone"
ip -n "$far" link del far0
ends_with "$link_pid" 1 "netmem recv of an interface that disappeared"
says link 'cannot receive from far0 queue 0: the interface is gone'
# With the capture on standard output the summary is on standard error.
sed -n '/^{/,$p' "$work/link.err" >"$work/link.out"
# An interface goes down once more before it goes.
expect link '[d["queues"][0]["port"][name] for name in ("link_down", "link_up", "mtu_changes")] in ([1, 1, 1], [2, 1, 1])' True
expect link 'd["packets"] >= 200' True
books_balance link

echo "it was never there"
run_failing 1 never ip netns exec "$far" "$netmem" recv --interface far0 --udp 9000
says never 'far0'

echo "down from the beginning"
make_pair 1500 1
ip -n "$far" link set far0 down
start_packets down --udp 9000 --count 1
ip -n "$far" link set far0 up
neighbour "$near" near0 2
ends_with_traffic() { is_dead "$1" || { sends && is_dead "$1"; }; }
eventually ends_with_traffic "$pid"
ends_with "$pid" 0 "netmem recv of an interface that came up later"
accounted down
