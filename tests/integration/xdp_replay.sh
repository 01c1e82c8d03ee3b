# What real programs sent is recorded, replayed, received whatever it is, and captured: tshark sees the same frames.
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/namespaces.sh"
need tshark mergecap tcpreplay
need_xdp
make_pair 9000 1

code=0
"$(dirname "$0")/../captures/make" "$work/captures" >"$work/make.err" 2>&1 || code=$?
[ $code -eq 77 ] && skip "$(tail -n 1 "$work/make.err")"
equal $code 0 "exit code of tests/captures/make"
mergecap -a -F pcap -w "$work/all.pcap" "$work"/captures/*.pcap
frames=$(tshark -r "$work/all.pcap" 2>/dev/null | wc -l)
echo "$frames frames"

# What tshark says of each frame, padding and times excepted.
fields=(frame.protocols eth.src eth.dst eth.type vlan.id arp.opcode ip.src ip.dst ip.len ip.id ip.flags ip.frag_offset
  ip.ttl ip.proto ip.checksum ip.hdr_len ipv6.src ipv6.dst ipv6.plen ipv6.hlim ipv6.nxt ipv6.fraghdr.offset udp.srcport
  udp.dstport udp.length udp.checksum udp.payload tcp.srcport tcp.dstport tcp.seq_raw tcp.ack_raw tcp.hdr_len tcp.flags
  tcp.window_size_value tcp.checksum tcp.options tcp.payload icmp.type icmp.checksum icmpv6.type icmpv6.checksum data.data)
dissect() {
  local chosen=()
  for field in "${fields[@]}"; do chosen+=(-e "$field"); done
  # No reassembly: the order in which captures were joined must not matter.
  tshark -r "$1" -o ip.defragment:FALSE -o ipv6.defragment:FALSE -o tcp.desegment_tcp_streams:FALSE \
    -T fields "${chosen[@]}" 2>/dev/null
}
dissect "$work/all.pcap" >"$work/sent"

# replayed ARGUMENTS...
replayed() {
  echo "recv --any $*"
  start_packets replay --any --pcap "$work/capture" --digest none --count "$frames" "$@"
  near tcpreplay --intf1 near0 --pps 3000 "$work/all.pcap" >"$work/tcpreplay.err" 2>&1 || fail "tcpreplay"
  ends_with "$pid" 0 "netmem recv --any $*"
  accounted replay
  expect replay 'd["packets"]' "$frames"
  dissect "$work/capture" >"$work/received"
  same_file "$work/sent" "$work/received"
}
replayed --memory memfd:16M
replayed --split off --chunk 2K
# Some of everything was there.
expect replay 'all(d["queues"][0]["port"]["unsplit_" + name] > 0 for name in ("not_ip", "fragment", "other_protocol"))' True
