# The interface goes down and up, changes its MTU, and disappears, under a receiver.
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/namespaces.sh"
need_xdp
make_pair 1500 1

says_now() { grep -q "$2" "$work/$1.err"; }
start flood ip netns exec "$near" bash -c "while :; do '$netmem' send --udp 10.99.0.2:9000 --rate 2000 --size 100 --count 200 >/dev/null 2>&1; sleep 0.05; done"
flood_pid=$pid

start_packets link --udp 9000
echo "down and up"
sleep 0.2
ip -n "$far" link set far0 down
eventually says_now link 'far0 went down'
ip -n "$far" link set far0 up
eventually says_now link 'far0 is up again'
neighbour "$near" near0 2
start_packets after_up --udp 9001 --queue 0 2>/dev/null && fail "queue 0 is taken"
echo "another MTU"
ip -n "$far" link set far0 mtu 1400
eventually says_now link 'MTU of far0'
sleep 0.3
echo "gone"
ip -n "$far" link del far0
ends_with "$pid" 1 "netmem recv of an interface that disappeared"
