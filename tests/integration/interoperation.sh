# nc, socat and plain sockets on the other side; IPv4, IPv6 and names.
. "$(dirname "$0")/common.sh"
need nc socat python3

head -c 5000011 /dev/urandom >"$work/file"

# received_from LISTEN SENDER...: the sender's command, with PORT for the port, gets the file as its input.
received_from() {
  local listen=$1
  shift
  start_recv recv --listen "$listen" --output "$work/copy" --json
  timeout "$limit" "${@//PORT/$port}" <"$work/file" >/dev/null || fail "$* ended with an error"
  ends_with "$pid" 0 "netmem recv from $*"
  books_balance recv
  same_file "$work/file" "$work/copy"
  rm "$work/copy"
}

# Bytes in odd pieces, the end told by closing, as measuring tools do.
cat >"$work/raw_sender.py" <<'PYTHON'
import socket, sys
data = sys.stdin.buffer.read()
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as peer:
    for at in range(0, len(data), 13001):
        peer.sendall(data[at:at + 13001])
PYTHON

received_from 127.0.0.1:0 nc -N 127.0.0.1 PORT
received_from 127.0.0.1:0 socat -u STDIN TCP:127.0.0.1:PORT
received_from 127.0.0.1:0 python3 "$work/raw_sender.py" PORT
received_from localhost:0 "$netmem" send --connect localhost:PORT --input -
received_from :0 nc -N 127.0.0.1 PORT
if have_ipv6; then
  received_from '[::1]:0' "$netmem" send --connect '[::1]:PORT' --input -
  received_from '[::1]:0' socat -u STDIN 'TCP6:[::1]:PORT'
  received_from :0 nc -N ::1 PORT
else
  note_skipped "IPv6: this machine has no ::1"
fi

# Standard output, with the summary out of the way.
start_recv recv --output -
timeout "$limit" nc -N 127.0.0.1 "$port" <"$work/file"
ends_with "$pid" 0 "netmem recv --output -"
same_file "$work/file" "$work/recv.out"
says recv '^received 5000011 bytes'

accepts() { grep -q "^ *[0-9]*: 0100007F:$(printf %04X "$1") 00000000:0000 0A" /proc/net/tcp; }

# sent_to RECEIVER...: with PORT for the port.
sent_to() {
  port=$(free_port)
  start receiver "${@//PORT/$port}" </dev/null
  eventually accepts "$port"
  timeout "$limit" "$netmem" send --connect "127.0.0.1:$port" --input "$work/file" >"$work/send.out" 2>"$work/send.err" ||
    fail "netmem send to $*"
  ends_with "$pid" 0 "$*"
  same_file "$work/file" "$work/receiver.out"
}

sent_to nc -l 127.0.0.1 PORT
sent_to socat -u TCP-LISTEN:PORT,bind=127.0.0.1 STDOUT
sent_to timeout "$limit" "$netmem" recv --listen 127.0.0.1:PORT --output -

# A receiver that has everything and stays: two seconds later that is no failure.
port=$(free_port)
start receiver socat -u TCP-LISTEN:"$port",bind=127.0.0.1,ignoreeof STDOUT
eventually accepts "$port"
timeout "$limit" "$netmem" send --connect "127.0.0.1:$port" --input "$work/file" >"$work/send.out" || fail "the receiver stays"
kill "$pid"

echo "not tried: iperf3 itself, which sends only after a conversation of its own on a second connection"
