# Senders that know nothing of netmem: socat, iperf3 and trafgen.
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/namespaces.sh"
need_xdp
make_pair 1500 1

head -c 700001 /dev/urandom >"$work/file"
if command -v socat >/dev/null; then
  for to in UDP4-SENDTO:10.99.0.2:9000 'UDP6-SENDTO:[fd99::2]:9000'; do
    if [[ $to == UDP6* ]] && ! have_namespace_ipv6; then note_skipped "IPv6: this machine has none"; continue; fi
    start_packets socat --udp 9000 --count 701 --output "$work/copy"
    near timeout "$limit" socat -u -b 1000 "FILE:$work/file" "$to"
    ends_with "$pid" 0 "netmem recv from socat"
    same_file "$work/file" "$work/copy"
    expect socat 'd["drops"]' '{}'
    accounted socat
  done
else
  note_skipped "socat is not installed"
fi

# iperf3 talks over TCP and begins its UDP with a question to its server: the kernel has both until netmem comes between.
# Each datagram begins with seconds, microseconds and a number that goes up.
cat >"$work/numbers.py" <<'PYTHON'
import struct, sys
data = open(sys.argv[1], "rb").read()
size = int(sys.argv[2])
assert len(data) % size == 0, len(data)
numbers = [struct.unpack_from(">I", data, at + 8)[0] for at in range(0, len(data), size)]
assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "datagrams are missing or out of order"
print("datagrams %d to %d, all of them" % (numbers[0], numbers[-1]))
PYTHON
if command -v iperf3 >/dev/null; then
  start iperf_server ip netns exec "$far" iperf3 -s -1 -p 5201
  listens() { [ -n "$(far ss -Htln 'sport = :5201')" ]; }
  eventually listens
  start iperf ip netns exec "$near" iperf3 -c 10.99.0.2 -p 5201 -u -b 8M -l 1000 -t 0
  iperf_pid=$pid
  flows() { [ "$(far awk '$1 == "Udp:" { n = $2 } END { print n }' /proc/net/snmp)" -gt 100 ]; }
  eventually flows
  start_packets from_iperf --udp 5201 --count 2000 --output "$work/copy"
  ends_with "$pid" 0 "netmem recv from iperf3"
  kill -INT "$iperf_pid" # it would go on for ever
  eventually is_dead "$iperf_pid"
  python3 "$work/numbers.py" "$work/copy" 1000 || fail "what iperf3 sent"
  expect from_iperf 'd["packets"], d["bytes"]' '(2000, 2000000)'
  books_balance from_iperf
else
  note_skipped "iperf3 is not installed"
fi

if command -v trafgen >/dev/null; then
  cat >"$work/frames.cfg" <<'FRAMES'
{ eth(da=02:00:00:00:99:02, sa=02:00:00:00:99:01), ip4(sa=10.99.0.1, da=10.99.0.2), udp(sp=7, dp=9000), "netmem" }
FRAMES
  start_packets from_trafgen --udp 9000 --count 500 --output "$work/copy"
  near timeout "$limit" trafgen --dev near0 --conf "$work/frames.cfg" --num 500 --gap 100us --cpus 1 >"$work/trafgen.err" 2>&1 ||
    fail "trafgen"
  ends_with "$pid" 0 "netmem recv from trafgen"
  equal "$(sha256_of "$work/copy")" "$(for _ in $(seq 500); do printf netmem; done | sha256sum | cut -d' ' -f1)" "payload"
  books_balance from_trafgen
else
  note_skipped "trafgen is not installed"
fi

echo "netmem send holds its rate and says what it sent"
start_packets from_netmem --udp 9000 --digest sha256 --count 2000
near "$netmem" send --udp 10.99.0.2:9000 --rate 2000 --size 333 --count 2000 --digest sha256 --json >"$work/send.out"
ends_with "$pid" 0 "netmem recv from netmem send"
expect from_netmem 'd["queues"][0]["digest"]' "$(ask send 'd["connections"][0]["digest"]')"
expect send '0.95 < d["seconds"]' True

echo "the loopback interface, whose driver does not say how many queues it has"
start_far loopback 1 recv --interface lo --json --udp 9000 --count 100 --digest sha256
far "$netmem" send --udp 127.0.0.1:9000 --size 1000 --count 100 --digest sha256 --json >"$work/send.out"
ends_with "$pid" 0 "netmem recv --interface lo"
expect loopback 'd["queues"][0]["digest"], d["mode"]' "('$(ask send 'd["connections"][0]["digest"]')', 'generic')"
accounted loopback
