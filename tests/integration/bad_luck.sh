# Peers that reset, disks that are full, users who interrupt: one line, no partial file, and books that balance.
. "$(dirname "$0")/common.sh"
need python3 nc

# peer.py send|receive PORT: a part of a stream, then a reset.
cat >"$work/peer.py" <<'PYTHON'
import socket, struct, sys
def reset(peer):
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
if sys.argv[1] == "send":
    peer = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
    peer.sendall(bytes(100000))
    reset(peer)
else:
    server = socket.create_server(("127.0.0.1", 0))
    print("listening on 127.0.0.1:%d" % server.getsockname()[1], file=sys.stderr, flush=True)
    peer, _ = server.accept()
    peer.recv(10000)
    reset(peer)
PYTHON

echo "a sender resets; the other connection does not notice"
mkdir "$work/out"
start_recv reset --connections 2 --output "$work/out" --json
python3 "$work/peer.py" send "$port"
head -c 300000 /dev/urandom >"$work/file"
timeout "$limit" nc -N 127.0.0.1 "$port" <"$work/file"
ends_with "$pid" 1 "netmem recv from a peer that resets"
one_line reset
says reset 'Connection reset by peer'
books_balance reset
equal "$(ls -A "$work/out")" connection-2.bin "files"
same_file "$work/file" "$work/out/connection-2.bin"
rm -r "$work/out"

echo "a receiver resets"
start receiver python3 "$work/peer.py" receive
port_of receiver
run_failing 1 send_reset "$netmem" send --connect "127.0.0.1:$port" --bytes 1G
says send_reset 'Connection reset by peer'

echo "the disk is full"
start_recv full --output /dev/full --json
run_failing 1 send_full "$netmem" send --connect "127.0.0.1:$port" --bytes 1G
ends_with "$pid" 1 "netmem recv --output /dev/full"
one_line full
says full 'No space left on device'
books_balance full
mkdir "$work/small"
if unshare -m mount -t tmpfs -o size=1m none "$work/small" 2>/dev/null; then
  start full_disk unshare -m bash -c "mount -t tmpfs -o size=1m none '$work/small' && code=0
    '$netmem' recv --listen 127.0.0.1:0 --output '$work/small/file' --json || code=\$?
    ls -A '$work/small' | sed 's/^/left: /'; exit \$code"
  port_of full_disk
  run_failing 1 send_full_disk "$netmem" send --connect "127.0.0.1:$port" --bytes 64M
  ends_with "$pid" 1 "netmem recv to a full disk"
  one_line full_disk
  says full_disk 'No space left on device; free some space'
  books_balance full_disk
  if grep '^left: ' "$work/full_disk.out"; then fail "a partial file"; fi
else
  note_skipped "a full tmpfs: no right to mount one"
fi

# Something has arrived for the file: it is written beside its place until it is whole.
has_partial() { for file in "$(dirname "$1")/.$(basename "$1")".*; do [ -s "$file" ] && return 0; done; return 1; }

for signal in INT TERM; do
  echo "the user sends SIG$signal to the receiver, mid-transfer"
  mkdir "$work/out"
  echo old >"$work/out/file"
  start_recv stopped --output "$work/out/file" --json --memory memfd:1M
  recv_pid=$pid
  start sender "$netmem" send --connect "127.0.0.1:$port" --bytes 1T
  sender_pid=$pid
  eventually has_partial "$work/out/file"
  kill -$signal "$recv_pid"
  ends_with "$recv_pid" 1 "netmem recv after SIG$signal"
  ends_with "$sender_pid" 1 "netmem send to it"
  one_line stopped
  one_line sender
  reports stopped '"interrupted": true'
  books_balance stopped
  equal "$(ls -A "$work/out"): $(cat "$work/out/file")" "file: old" "what is left"
  rm -r "$work/out"

  echo "and to the sender"
  start_recv cut --output "$work/cut" --json
  recv_pid=$pid
  start sender "$netmem" send --connect "127.0.0.1:$port" --bytes 1T --json --connections 1
  eventually has_partial "$work/cut"
  kill -$signal "$pid"
  ends_with "$pid" 1 "netmem send after SIG$signal"
  ends_with "$recv_pid" 1 "netmem recv from it"
  reports sender '"interrupted": true'
  one_line cut
  books_balance cut
  [ ! -e "$work/cut" ] || fail "a partial file"
done

echo "the user stops a receiver that nobody talks to"
start_recv idle --json
kill -INT "$pid"
ends_with "$pid" 1 "idle netmem recv"
reports idle '"connections": \[\]'
books_balance idle

echo "the reader of standard output goes away"
start pipe bash -c "set -o pipefail; '$netmem' recv --listen 127.0.0.1:0 --output - | head -c 10 >/dev/null"
port_of pipe
run_failing 1 send_pipe "$netmem" send --connect "127.0.0.1:$port" --bytes 1G
ends_with "$pid" 1 "netmem recv into a pipe that closes"
says pipe 'cannot write standard output: Broken pipe'
