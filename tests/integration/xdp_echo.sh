# netmem echo, asked by a plain UDP socket: the kernel on the other side checks addresses, ports and checksums.
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/namespaces.sh"
need_xdp
make_pair 9100 1

cat >"$work/client.py" <<'PYTHON'
import os, socket, sys
family, host = (socket.AF_INET6, "fd99::2") if sys.argv[1] == "6" else (socket.AF_INET, "10.99.0.2")
peer = socket.socket(family, socket.SOCK_DGRAM)
peer.settimeout(float(os.environ["limit"]))
peer.connect((host, 7))
sizes = [*range(0, 70), 1023, 1400, 1471, 1472, 1473, 2000, 4000, 4053, 4054, 4055, 5001, 8999, 9000]
for size in sizes:
    data = os.urandom(size)
    peer.send(data)
    assert peer.recv(10000) == data, size
print(len(sizes))
PYTHON

echoes() {
  local version=$1 count
  shift
  start_far echo 1 echo --interface far0 --udp 7 --json "$@"
  count=$(near timeout "$limit" python3 "$work/client.py" "$version") || fail "the client over IPv$version"
  kill -INT "$pid"
  ends_with "$pid" 0 "netmem echo $*"
  expect echo 'd["packets"], d["queues"][0]["work"]["echoed"], d["drops"]' "($count, $count, {})"
  accounted echo
}

echoes 4
echoes 4 --chunk 2K
echoes 4 --mode generic
if have_namespace_ipv6; then echoes 6; else note_skipped "IPv6: this machine has none"; fi
equal "$(near awk '$1 == "Udp:" { n = $7 } END { print n }' /proc/net/snmp)" 0 "datagrams with wrong checksums"

echo "--count ends it"
start_far echo 1 echo --interface far0 --udp 7 --json --count 83
near timeout "$limit" python3 "$work/client.py" 4 >/dev/null
ends_with "$pid" 0 "netmem echo --count"
expect echo 'd["packets"]' 83

echo "many at once, and broadcasts"
start_far echo 1 echo --interface far0 --udp 7 --json
near timeout "$limit" python3 - <<'PYTHON' || fail "many at once"
import os, socket
peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
peer.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
peer.sendto(b"to all", ("10.99.0.255", 7))
peer.connect(("10.99.0.2", 7))
peer.settimeout(float(os.environ["limit"]))
for start in range(0, 2000, 100):
    for number in range(start, start + 100):
        peer.send(b"%d" % number)
    assert sorted(int(peer.recv(100)) for _ in range(100)) == list(range(start, start + 100))
PYTHON
kill -INT "$pid"
ends_with "$pid" 0 "netmem echo"
expect echo 'd["queues"][0]["work"]["echoed"], d["queues"][0]["work"]["to_many"]' '(2000, 1)'
accounted echo
