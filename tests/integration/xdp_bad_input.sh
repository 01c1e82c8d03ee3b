# What makes no sense or cannot be had is refused with one line.
. "$(dirname "$0")/common.sh"

recv=("$netmem" recv --interface netmem-none --udp 9000)
run_failing 2 both "$netmem" recv --interface lo --listen :0 --udp 9
run_failing 2 no_packets "$netmem" recv --interface lo
says no_packets '--udp, --tcp-sniff or --any'
run_failing 2 two_kinds "${recv[@]}" --any
run_failing 2 port_zero "$netmem" recv --interface lo --udp 0
run_failing 2 port_large "$netmem" recv --interface lo --tcp-sniff 65536
run_failing 2 odd_queue "${recv[@]}" --queue first
run_failing 2 odd_mode "${recv[@]}" --mode sideways
run_failing 2 odd_copy "${recv[@]}" --zero-copy perhaps
run_failing 2 odd_chunk "${recv[@]}" --chunk 8K
run_failing 2 odd_split "${recv[@]}" --split maybe
run_failing 2 coalesce_long "${recv[@]}" --coalesce 100001
run_failing 2 count_zero "${recv[@]}" --count 0
run_failing 2 landing "${recv[@]}" --landing direct
run_failing 2 connections "${recv[@]}" --connections 2
run_failing 2 memory_unused "${recv[@]}" --split off --memory memfd:1M
run_failing 2 stdout_twice "${recv[@]}" --output - --pcap -
for flag in '--queue 0' '--mode native' '--pcap x' '--any' '--split on' '--coalesce 50' '--busy-poll' '--count 1'; do
  # The flag is two words.
  # shellcheck disable=SC2086
  run_failing 2 needs_interface "$netmem" recv --listen :0 $flag
  says needs_interface '--interface'
done
run_failing 2 echo_nothing "$netmem" echo --interface lo
run_failing 2 echo_nowhere "$netmem" echo --udp 7

send=("$netmem" send --udp 127.0.0.1:9)
run_failing 2 send_both "${send[@]}" --connect 127.0.0.1:9 --bytes 1
run_failing 2 send_nothing "${send[@]}"
run_failing 2 send_large "${send[@]}" --bytes 1 --size 65508
run_failing 2 send_empty "${send[@]}" --size 0
run_failing 2 send_empty_bytes "${send[@]}" --size 0 --bytes 1 --count 1
run_failing 2 send_rate "${send[@]}" --count 1 --rate 0
run_failing 2 send_connections "${send[@]}" --count 1 --connections 2
run_failing 2 send_tcp_rate "$netmem" send --connect 127.0.0.1:9 --bytes 1 --rate 5
run_failing 1 send_nowhere "$netmem" send --udp 127.0.0.1:0 --count 1
run_failing 1 send_refused "$netmem" send --udp "127.0.0.1:$(free_port)" --count 100000 --rate 1000
says send_refused 'Connection refused'

. "$(dirname "$0")/namespaces.sh"
need_xdp
make_pair 1500 2
in_far=(ip netns exec "$far" "$netmem" recv --interface far0 --udp 9000)

run_failing 1 no_interface ip netns exec "$far" "${recv[@]}"
says no_interface 'netmem-none'
run_failing 1 no_queue "${in_far[@]}" --queue 7
says no_queue 'it has 2 queues'
run_failing 1 odd_frames "${in_far[@]}" --frames tape:1M
run_failing 1 device_frames "${in_far[@]}" --frames memfd:16M
says device_frames 'host memory'
run_failing 1 odd_memory "${in_far[@]}" --memory tape:1M
run_failing 1 missing_directory "${in_far[@]}" --output "$work/missing/file"
run_failing 1 missing_capture "${in_far[@]}" --pcap "$work/missing/file"
run_failing 1 zero_copy "${in_far[@]}" --zero-copy on
says zero_copy 'zero copy'
no_xdp_in "$far" far0 || fail "an XDP program was left on far0"
if setpriv --reuid 65534 --clear-groups "$netmem" --version >/dev/null 2>&1; then
  run_failing 1 not_root ip netns exec "$far" setpriv --reuid 65534 --clear-groups "$netmem" recv --interface far0 --any
  says not_root 'CAP_'
else
  note_skipped "another user's permissions: others cannot run the program"
fi
echo "taken by a program of somebody else"
if command -v bpftool >/dev/null && command -v clang-19 >/dev/null; then
  echo '__attribute__((section("xdp"), used)) int pass(void* frame) { return 2; }' |
    clang-19 -O2 -target bpf -x c -c - -o "$work/foreign.o"
  far ip link set far0 xdpdrv obj "$work/foreign.o" sec xdp || fail "ip link set xdp"
  run_failing 1 foreign "${in_far[@]}"
  says foreign 'XDP program'
  far ip link set far0 xdpdrv off
else
  note_skipped "a foreign XDP program: bpftool or clang-19 is not installed"
fi
