# What makes no sense or cannot be had is refused with one line and leaves no file behind.
. "$(dirname "$0")/common.sh"

mkdir "$work/out"
recv=("$netmem" recv --listen 127.0.0.1:0 --output "$work/out/file")

run_failing 2 unknown_flag "${recv[@]}" --colour
says unknown_flag --colour
run_failing 2 nothing_asked "$netmem"
run_failing 2 unknown_command "$netmem" receive
run_failing 2 no_listen "$netmem" recv
says no_listen --listen
run_failing 2 odd_page "${recv[@]}" --page-size 5000
says odd_page 'power of two'
run_failing 2 no_page "${recv[@]}" --page-size 0
run_failing 2 big_page "${recv[@]}" --page-size 2G
run_failing 2 small_page "${recv[@]}" --page-size 2K
run_failing 2 no_number "${recv[@]}" --page-size lots
run_failing 2 no_connections "${recv[@]}" --connections 0
run_failing 2 odd_landing "${recv[@]}" --landing sideways
run_failing 2 odd_digest "${recv[@]}" --digest md5
run_failing 2 file_for_two "${recv[@]}" --connections 2
says file_for_two directory
run_failing 2 stdout_for_two "$netmem" recv --listen 127.0.0.1:0 --output - --connections 2

run_failing 1 size_zero "${recv[@]}" --memory memfd:0
run_failing 1 region_below_page "${recv[@]}" --memory memfd:4K --page-size 2M
run_failing 1 host_below_page "${recv[@]}" --memory host:4K --page-size 64K
run_failing 1 no_size "${recv[@]}" --memory memfd
run_failing 1 odd_size "${recv[@]}" --memory memfd:12Q
run_failing 1 odd_memory "${recv[@]}" --memory tape:1M
says odd_memory tape
run_failing 1 no_huge_pages "${recv[@]}" --memory huge:4T
says no_huge_pages 'nr_hugepages'
run_failing 1 no_address "$netmem" recv --listen nowhere
run_failing 1 odd_port "$netmem" recv --listen 127.0.0.1:99999
run_failing 1 no_name "$netmem" recv --listen name.invalid:0
run_failing 1 not_ours "$netmem" recv --listen 192.0.2.1:0

start_recv holder
run_failing 1 port_in_use "$netmem" recv --listen "127.0.0.1:$port"
says port_in_use 'Address already in use'

run_failing 1 no_permission "$netmem" recv --listen 127.0.0.1:0 --output /proc/netmem-file
run_failing 1 no_directory "$netmem" recv --listen 127.0.0.1:0 --output "$work/missing/file"
run_failing 1 proc_directory "$netmem" recv --listen 127.0.0.1:0 --connections 2 --output /proc/netmem-directory/
if [ "$(id -u)" = 0 ] && setpriv --reuid 65534 --clear-groups "$netmem" --version >/dev/null 2>&1; then
  chmod 755 "$work" && chmod 700 "$work/out"
  run_failing 1 not_root setpriv --reuid 65534 --clear-groups "${recv[@]}"
  says not_root 'Permission denied'
  if [ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" -gt 81 ]; then
    run_failing 1 low_port setpriv --reuid 65534 --clear-groups "$netmem" recv --listen 127.0.0.1:81
    says low_port 'Permission denied'
  else
    note_skipped "low ports: they are free for all here"
  fi
else
  note_skipped "another user's permissions: not root, or others cannot run the program"
fi
is_empty_directory "$work/out"

send=("$netmem" send --connect "127.0.0.1:$port")
run_failing 2 send_nothing "${send[@]}"
run_failing 2 send_both "${send[@]}" --input /dev/null --bytes 1
run_failing 2 send_seed "${send[@]}" --input /dev/null --seed 1
run_failing 2 send_stdin_twice "${send[@]}" --input - --connections 2
run_failing 2 send_size "${send[@]}" --bytes -1
run_failing 1 send_missing "${send[@]}" --input "$work/missing"
run_failing 1 send_directory "${send[@]}" --input "$work"
run_failing 1 send_fifo_twice "${send[@]}" --input /dev/zero --connections 2
run_failing 1 send_port_zero "$netmem" send --connect 127.0.0.1:0 --bytes 1
run_failing 1 send_no_address "$netmem" send --connect 127.0.0.1 --bytes 1
kill "$pid"
ends_with "$pid" 1 "the holder of the port"
run_failing 1 send_refused "${send[@]}" --bytes 1
says send_refused 'Connection refused; start the receiver first'
