# Four queues with one program; two programs on two queues, of which one is killed.
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/namespaces.sh"
need_xdp
make_pair 1500 4

# Many flows, so that all queues get some: 64 sockets, each sends its number again and again.
cat >"$work/flows.py" <<'PYTHON'
import signal, socket, struct, sys, time
flows = []
for number in range(64):
    flow = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    flow.bind(("10.99.0.1", 20000 + number))
    flow.connect(("10.99.0.2", 9000))
    flows.append(flow)
serial, most = 0, float(sys.argv[1])  # "inf": until SIGTERM, which ends it between two rounds
stop = []
signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
while serial < most and not stop:
    for number, flow in enumerate(flows):
        flow.send(struct.pack(">II", number, serial))
    serial += 1
    time.sleep(0.002)
print(serial)
PYTHON

# Each flow is on one queue, and complete, and in order there.
cat >"$work/check_flows.py" <<'PYTHON'
import glob, struct, sys
seen = {}
for queue, path in enumerate(sorted(glob.glob(sys.argv[1] + "/queue-*.bin"))):
    data = open(path, "rb").read()
    print("queue %d: %d datagrams" % (queue, len(data) // 8))
    for number, serial in struct.iter_unpack(">II", data):
        seen.setdefault((queue, number), []).append(serial)
assert len(seen) == 64, "%d flows on their queues" % len(seen)
assert len({queue for queue, _ in seen}) == 4, "not every queue got something"
assert all(serials == list(range(int(sys.argv[2]))) for serials in seen.values()), "missing or out of order"
PYTHON

echo "four queues, a file for each"
mkdir "$work/out"
start_far four 4 recv --interface far0 --json --udp 9000 --queue all --count $((64 * 100)) --output "$work/out"
near timeout "$limit" python3 "$work/flows.py" 100 >/dev/null
ends_with "$pid" 0 "netmem recv on four queues"
python3 "$work/check_flows.py" "$work/out" 100 || fail "what four queues received"
expect four 'd["packets"], len(d["queues"]), d["drops"]' '(6400, 4, {})'
accounted four

echo "four queues, one file"
start_far one_file 4 recv --interface far0 --json --udp 9000 --count $((64 * 100)) --output "$work/copy" --pcap "$work/capture"
near timeout "$limit" python3 "$work/flows.py" 100 >/dev/null
ends_with "$pid" 0 "netmem recv of four queues into one file"
python3 - "$work/copy" <<'PYTHON' || fail "the one file"
import struct, sys
got = sorted(struct.iter_unpack(">II", open(sys.argv[1], "rb").read()))
assert got == [(number, serial) for number in range(64) for serial in range(100)]
PYTHON
if command -v tshark >/dev/null; then
  equal "$(tshark -r "$work/capture" 2>/dev/null | wc -l)" 6400 "packets in the capture"
fi

echo "two programs on two queues; one is killed"
sink 9000
start_far other 1 recv --interface far0 --json --udp 9000 --queue 1
other_pid=$pid
start_far killed 1 recv --interface far0 --json --udp 9000 --queue 2
killed_pid=$pid
frames_on() { far ethtool -S far0 | awk -v name="rx_queue_$1_xdp_redirect:" '$1 == name { print $2 }'; }
has_frames_on() { [ "$(frames_on "$1")" -gt "$2" ]; }
on_killed=$(frames_on 2)
start flows ip netns exec "$near" python3 "$work/flows.py" inf
flows_pid=$pid
eventually has_frames_on 2 "$on_killed"
kill -KILL "$killed_pid"
eventually is_dead "$killed_pid"
eventually has_frames_on 1 "$(frames_on 1)"
no_xdp_in "$far" far0 && fail "the other program lost its XDP program"
start_far again 1 recv --interface far0 --json --udp 9000 --queue 2 --count 100
ends_with "$pid" 0 "netmem recv on the queue of the killed one"
books_balance again
kill "$flows_pid"
ends_with "$flows_pid" 0 "the sender"
rounds=$(cat "$work/flows.out")
kill -INT "$other_pid"
ends_with "$other_pid" 0 "the other netmem recv"
# A busy machine may lose some.
expect other "(d['packets'] + sum(d['drops'].values())) % $rounds, d['packets'] > 0" '(0, True)'
books_balance other
eventually no_xdp_in "$far" far0

echo "a queue that is taken"
start_far holder 1 recv --interface far0 --udp 9000 --queue 3
run_failing 1 taken ip netns exec "$far" "$netmem" recv --interface far0 --udp 9001 --queue 3
says taken 'queue 3'
kill -INT "$pid"
ends_with "$pid" 0 "the holder"
