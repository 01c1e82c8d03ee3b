# kill -9 in mid-traffic: XDP program and socket are gone, and the next one works at once.
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/namespaces.sh"
need_xdp
make_pair 1500 1

sink 9000
sink_pid=$pid
start flood ip netns exec "$near" "$netmem" send --udp 10.99.0.2:9000 --rate 50000 --size 200 --bytes 1T --digest none
flood_pid=$pid
# A fifo is written in place: what comes out of it came in.
mkfifo "$work/fifo"
for round in 1 2 3; do
  exec 3<>"$work/fifo"
  start_packets victim --udp 9000 --digest none --output "$work/fifo"
  head -c 100000 <&3 >/dev/null
  kill -KILL "$pid"
  exec 3<&-
  if [ "$round" = 3 ]; then eventually no_xdp_in "$far" far0; fi
  start_packets next --udp 9000 --count 2000
  ends_with "$pid" 0 "netmem recv after kill -9, round $round"
  expect next 'd["packets"]' 2000
  books_balance next
done
kill "$flood_pid"
ends_with "$flood_pid" 1 "the sender"
kill "$sink_pid"
eventually is_dead "$sink_pid"
eventually no_xdp_in "$far" far0

echo "the kernel has its datagrams back"
start reader ip netns exec "$far" timeout "$limit" python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.99.0.2", 9000))
print("listening on 10.99.0.2:9000", file=__import__("sys").stderr, flush=True)
print(s.recv(100).decode())'
port_of reader
printf hello | near "$netmem" send --udp 10.99.0.2:9000 --input - --digest none >/dev/null
ends_with "$pid" 0 "a plain socket"
equal "$(cat "$work/reader.out")" hello "what the plain socket read"
