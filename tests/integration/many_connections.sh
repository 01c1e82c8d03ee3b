# 64 connections at once: a file for each, from nc and from netmem send, also with fewer pages than connections.
. "$(dirname "$0")/common.sh"
need nc sha256sum

connections=64

# Each connection brings bytes of its own.
sums_of() { for file in "$@"; do sha256_of "$file"; done | sort; }

from_nc() {
  local senders=()
  mkdir "$work/received"
  start_recv recv --connections $connections --output "$work/received" --json "$@"
  for i in $(seq $connections); do
    timeout "$limit" nc -N 127.0.0.1 "$port" <"$work/sent/$i" &
    senders+=($!)
    started+=($!)
  done
  for sender in "${senders[@]}"; do wait "$sender" || fail "an nc failed"; done
  ends_with "$pid" 0 "netmem recv $*"
  books_balance recv
  equal "$(ls "$work/received" | wc -l)" $connections "files received"
  equal "$(sums_of "$work"/received/*)" "$(sums_of "$work"/sent/*)" "what nc sent"
  rm -r "$work/received"
}

digests_of() { sed -n 's/^ *"digest": "\([0-9a-f]\{16\}\)".*/\1/p' "$work/$1.out" | sort; }

from_netmem() {
  start_recv recv --connections $connections --json "$@"
  timeout "$limit" "$netmem" send --connect "127.0.0.1:$port" --connections $connections --bytes 1000001 --seed 1 --json \
    >"$work/send.out" || fail "netmem send"
  ends_with "$pid" 0 "netmem recv $*"
  books_balance recv
  equal "$(digests_of send | uniq | wc -l)" $connections "different digests"
  equal "$(digests_of recv)" "$(digests_of send)" "what netmem sent"
}

mkdir "$work/sent"
for i in $(seq $connections); do head -c $((i * 9001)) /dev/urandom >"$work/sent/$i"; done
from_nc
from_nc --memory memfd:16K
from_nc --memory memfd:8K --landing staged
from_netmem
from_netmem --memory memfd:4K
from_netmem --memory host:16K

# No more connections than asked for: a third is closed and the first two do not notice.
start_recv recv --connections 2 --json
exec 3<>"/dev/tcp/127.0.0.1/$port" 4<>"/dev/tcp/127.0.0.1/$port"
echo one >&3
echo two >&4
timeout "$limit" nc 127.0.0.1 "$port" </dev/null >/dev/null || true
exec 3>&- 4>&-
ends_with "$pid" 0 "netmem recv --connections 2"
reports recv '"turned_away": 1'
reports recv '"bytes": 8,'
