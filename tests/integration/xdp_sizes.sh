# UDP of every size from 0 to 9000 bytes arrives as it was sent: over IPv4 and IPv6, split into device and host memory
# and not split, in small and large chunks.
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/namespaces.sh"
need_xdp
make_pair 9100 1

# One datagram of each size, a few at a time, and the digest of all.
cat >"$work/every_size.py" <<'PYTHON'
import hashlib, os, socket, sys, time
family, host = (socket.AF_INET6, "fd99::2") if sys.argv[1] == "6" else (socket.AF_INET, "10.99.0.2")
peer = socket.socket(family, socket.SOCK_DGRAM)
peer.connect((host, 9000))
data = os.urandom(18000)
digest = hashlib.sha256()
for size in range(9001):
    payload = data[size:size * 2]
    peer.send(payload)
    digest.update(payload)
    if size % 64 == 0:
        time.sleep(float(sys.argv[2]))
print(digest.hexdigest())
PYTHON

# every_size 4|6 ARGUMENTS...
every_size() {
  echo "IPv$1, ${*:2}"
  local end=$((SECONDS + limit))
  pause=0.002
  until one_of_each "$@"; do
    [ "$SECONDS" -lt "$end" ] || fail "netmem recv ${*:2} always lost frames"
    pause=$(awk -v pause="$pause" 'BEGIN { print 4 * pause }')
  done
}

# Datagrams that veth dropped before the XDP program saw them.
lost_on_the_way() { near cat /sys/class/net/near0/statistics/tx_dropped; }
# Datagrams that either came to the XDP program of the driver or were lost before it, so far.
came_or_lost() {
  far ethtool -S far0 | awk -v n="$(lost_on_the_way)" '/rx_queue_[0-9]+_xdp_packets:/ { n += $2 } END { print n }'
}
have_come_or_are_lost() { [ "$(came_or_lost)" -ge "$1" ]; }

# False: the machine was so busy that frames were lost, each of them with a count that says where. The next try sends more
# slowly.
one_of_each() {
  local version=$1 sent lost came code=0
  shift
  lost=$(lost_on_the_way)
  came=$(came_or_lost)
  start_packets sizes --udp 9000 --count 9001 --digest sha256 "$@"
  sent=$(near timeout "$limit" python3 "$work/every_size.py" "$version" "$pause")
  [[ "$*" == *generic* ]] || eventually have_come_or_are_lost $((came + 9001))
  for ((waits = 0; waits < 100; ++waits)); do
    if is_dead "$pid"; then break; fi
    sleep 0.1
  done
  # It may end by itself just now.
  kill -INT "$pid" 2>/dev/null || true
  eventually is_dead "$pid"
  wait "$pid" || code=$?
  if [ $code != 0 ]; then
    equal $code 1 "exit code of netmem recv $*"
    accounted sizes
    lost=$(($(lost_on_the_way) - lost))
    expect sizes 'set(d["drops"]) - {"fill_ring_empty", "rx_ring_full", "rx_dropped"}' "set()"
    expect sizes "d['packets'] + sum(d['drops'].values()) + $lost" 9001
    received=$((received + $(ask sizes 'd["packets"]')))
    return 1
  fi
  expect sizes 'd["queues"][0]["digest"]' "$sent"
  expect sizes 'd["packets"], d["bytes"], d["drops"]' "(9001, 40504500, {})"
  expect sizes 'd["queues"][0]["port"]["unsplit"]' 0
  accounted sizes
  received=$((received + 9001))
}
received=0

versions=(4)
if have_namespace_ipv6; then versions+=(6); else note_skipped "IPv6: this machine has none"; fi
for version in "${versions[@]}"; do
  every_size "$version" --memory memfd:16M
  every_size "$version" --memory host:16M --chunk 2K
  every_size "$version" --split off
  every_size "$version" --split off --chunk 2K --output "$work/copy"
  equal "$(sha256_of "$work/copy")" "$(ask sizes 'd["queues"][0]["digest"]')" "digest of the output"
done
every_size 4 --memory memfd:16M --page-size 64K
if have_opencl; then  # which copies by itself: packets wait for their payload
  every_size 4 --memory opencl:16M
  expect sizes 'd["queues"][0]["port"]["copying"]' 0
else
  note_skipped "payload to an OpenCL device: $(cat "$work/opencl.err")"
fi
equal "$(frames_redirected)" "$received" "frames that the driver gave to the sockets"
every_size 4 --memory memfd:16M --mode generic
