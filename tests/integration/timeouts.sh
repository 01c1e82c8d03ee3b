# Peers that are silent, slow or stopped: what a limit ends is named, and what no limit ends arrives whole.
. "$(dirname "$0")/common.sh"

for time in 0 -1 1.5s 5d lots 501h ''; do
  run_failing 2 odd_time "$netmem" recv --listen 127.0.0.1:0 --timeout "$time"
  run_failing 2 odd_time "$netmem" send --connect 127.0.0.1:1 --bytes 1 --timeout "$time"
done
run_failing 2 no_message "$netmem" recv --listen 127.0.0.1:0 --message-timeout 5s
says no_message 'goes with --placement contiguous'
run_failing 2 packets "$netmem" recv --interface lo --any --timeout 5s
says packets 'goes with --listen'
run_failing 2 datagrams "$netmem" send --udp 127.0.0.1:1 --bytes 1 --timeout 5s
says datagrams 'goes with --connect'

# A connection that never sends, and one that is silent in the middle of a file, which leaves none.
start_recv idle --timeout 200ms --connections 2 --output "$work/out/" --json
exec 3<>"/dev/tcp/127.0.0.1/$port" 4<>"/dev/tcp/127.0.0.1/$port"
printf half >&4 || true # a machine that took longer than the limit for this
ends_with "$pid" 1 "netmem recv --timeout"
exec 3>&- 4>&-
says idle 'it sent nothing for 200 ms; .*--timeout'
reports idle '"idle_timeouts": 2,'
reports idle '"timeout": 0.2,'
books_balance idle
is_empty_directory "$work/out"

# Bytes come all the time, but the message does not end.
start_recv trickle --placement contiguous --message 1000 --timeout 100h --message-timeout 300ms --json
trickle() { while printf x; do sleep 0.05; done >"/dev/tcp/127.0.0.1/$port"; }
trickle 2>/dev/null &
started+=($!)
ends_with "$pid" 1 "netmem recv --message-timeout"
says trickle 'it did not finish a message in 300 ms (.* of 1000 bytes came); .*--message-timeout'
reports trickle '"message_timeouts": 1,'
books_balance trickle

# A sender that is stopped for a while and goes on is no error. 32 MiB do not fit the sockets' buffers.
start_recv stopped --placement contiguous --message 1M --json
receiver=$pid
start stopped_send "$netmem" send --connect "127.0.0.1:$port" --bytes 32M --json
kill -STOP "$pid"
sleep 1
is_dead "$receiver" && fail "netmem recv ended while its sender was stopped"
kill -CONT "$pid"
ends_with "$pid" 0 "netmem send, stopped for a while"
ends_with "$receiver" 0 "netmem recv of a sender that was stopped"
reports stopped '"failed_connections": 0,'
books_balance stopped

# As many connections as pages, with one byte each: by default, too, the next one gets a page.
start_recv blocked --memory memfd:8K --placement contiguous --message 4096 --connections 3 --json
exec 3<>"/dev/tcp/127.0.0.1/$port" 4<>"/dev/tcp/127.0.0.1/$port"
printf x >&3
printf x >&4
head -c 8192 /dev/zero >"$work/input"
runs_with 0 blocked_send "$netmem" send --connect "127.0.0.1:$port" --input "$work/input"
eventually grep -q 'it stopped within a message (1 of 4096 bytes came) and held the page for 10 s' "$work/blocked.err"
exec 3>&- 4>&-
ends_with "$pid" 1 "netmem recv with stopped connections"
reports blocked '"stall_timeouts": 1,'
reports blocked '"bytes": 8193,'
books_balance blocked

# A receiver that takes nothing.
start_recv full
kill -STOP "$pid"
run_failing 1 full_send "$netmem" send --connect "127.0.0.1:$port" --bytes 64M --timeout 300ms
says full_send 'it took nothing for 300 ms; .*--timeout'
kill -CONT "$pid"
ends_with "$pid" 1 "netmem recv whose sender gave up"
