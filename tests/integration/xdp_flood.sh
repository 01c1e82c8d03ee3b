# More than can be taken, on four queues, and an end in the middle of it: every frame is received, or lost by name.
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/namespaces.sh"
need_xdp
make_pair 1500 4
sink 9000

sent() { near cat /sys/class/net/near0/statistics/tx_packets; }
sent_more_than() { [ "$(sent)" -gt "$1" ]; }

# flooded NAME LINES COMMAND...: until the user has had enough.
flooded() {
  local name=$1 receiver senders=() sent
  start_far "$@"
  sent=$(sent)
  receiver=$pid
  for size in 64 1400; do
    start "sender_$size" ip netns exec "$near" "$netmem" send --udp 10.99.0.2:9000 --size "$size" --bytes 1T --digest none --json
    senders+=("$pid")
  done
  eventually sent_more_than $((sent + 100000))
  kill -INT "$receiver"
  ends_with "$receiver" 0 "netmem ${*:3}"
  kill -INT "${senders[@]}"
  for sender in "${senders[@]}"; do ends_with "$sender" 1 "netmem send"; done
  echo "${*:3}: $(ask "$name" 'd["packets"], d["drops"]')"
  accounted "$name"
  expect "$name" 'd["packets"] > 0' True
}

flooded flood 4 recv --interface far0 --json --udp 9000 --digest none
flooded flood 4 recv --interface far0 --json --udp 9000 --memory memfd:64K
flooded flood 4 recv --interface far0 --json --udp 9000 --split off --frames host:256K --chunk 2K --pcap /dev/null
flooded flood 4 echo --interface far0 --json --udp 9000
expect flood 'all(q["packets"] == sum(q["work"].values()) for q in d["queues"])' True
expect flood 'all(q["port"]["transmitted"] == q["work"]["echoed"] for q in d["queues"])' True
