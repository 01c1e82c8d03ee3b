# The examples are short, and do what they say: datagrams into device memory, and a cable made of two interfaces.
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/namespaces.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)
for example in "forwarder 70" "receive_to_device 60" "hello 20"; do
  read -r name most <<<"$example"
  [ "$(wc -l <"$root/examples/$name.cc")" -le "$most" ] || fail "examples/$name.cc has more than $most lines"
done

forwarder=$(dirname "$netmem")/example_forwarder
receive=$(dirname "$netmem")/example_receive_to_device
[ -x "$forwarder" ] && [ -x "$receive" ] || skip "the examples were not built (NETMEM_BUILD_EXAMPLES)"
need nc
need_xdp
make_pair 1500 1
is_up() { grep -q "$2" "$work/$1.out" || is_dead "$pid"; }

echo "example_receive_to_device"
start receive ip netns exec "$far" "$receive" far0 9000 500
eventually is_up receive '^xdp far0'
near "$netmem" send --udp 10.99.0.2:9000 --size 333 --count 500 --rate 20000 >/dev/null
ends_with "$pid" 0 "example_receive_to_device"
grep -q '^500 datagrams, 166500 bytes, 166500 of them in memfd' "$work/receive.out" || fail "$(cat "$work/receive.out")"
code=0
far "$receive" netmem-none 9000 1 >/dev/null 2>"$work/none.err" || code=$?
equal "$code" 1 "exit code without an interface"

echo "example_forwarder"
beyond=netmem-beyond-$$
remove_beyond() { ip netns del "$beyond"; }
ip netns add "$beyond"
at_exit+=(remove_beyond)
ip link add far1 netns "$far" type veth peer name beyond0 netns "$beyond"
ip -n "$far" addr flush dev far0
ip -n "$far" link set far1 up
ip -n "$beyond" link set beyond0 up
ip -n "$beyond" addr add 10.99.0.2/24 dev beyond0
ip -n "$near" neigh flush all
ip -n "$near" neigh del 10.99.0.2 dev near0 2>/dev/null || true
# Nobody finishes a checksum that was left to hardware.
near ethtool -K near0 tx off tso off gso off >/dev/null
ip netns exec "$beyond" ethtool -K beyond0 tx off tso off gso off >/dev/null

start forwarder ip netns exec "$far" "$forwarder" far0 far1
forwarder_pid=$pid
eventually is_up forwarder '^forwarding'
near ping -q -c 20 -i 0.02 -W "$limit" 10.99.0.2 >"$work/ping" || fail "ping through the forwarder: $(cat "$work/ping")"
head -c 3000017 /dev/urandom >"$work/file"
start nc ip netns exec "$beyond" nc -l -N 10.99.0.2 5000
listens() { [ -n "$(ip netns exec "$beyond" ss -Htln 'sport = :5000')" ]; }
eventually listens
near timeout "$limit" nc -N 10.99.0.2 5000 <"$work/file" >"$work/back" || fail "nc through the forwarder"
ends_with "$pid" 0 "nc"
same_file "$work/file" "$work/nc.out"
kill -INT "$forwarder_pid"
ends_with "$forwarder_pid" 0 "example_forwarder"
grep '^forwarded' "$work/forwarder.out"
no_xdp_in "$far" far0 && no_xdp_in "$far" far1 || fail "an XDP program was left"
