# CRC-32C is the same whoever computes it: the sender, the CPU in the pages, the device whose memory they are.
. "$(dirname "$0")/common.sh"
need python3

head -c 1000003 /dev/urandom >"$work/file"
crc=$(python3 - "$work/file" <<'EOF'
import sys
table = []
for byte in range(256):
    for _ in range(8):
        byte = byte >> 1 ^ (0x82f63b78 if byte & 1 else 0)
    table.append(byte)
crc = 0xffffffff
for byte in open(sys.argv[1], "rb").read():
    crc = crc >> 8 ^ table[(crc ^ byte) & 0xff]
print(f"{crc ^ 0xffffffff:08x}")
EOF
)
digests() { grep -o '"digest": "[0-9a-f]*"' "$1" | sort; }

# transfers_file BY RECV-ARGUMENTS...
transfers_file() {
  local by=$1
  shift
  start_recv recv --digest crc32c --json "$@"
  timeout "$limit" "$netmem" send --connect "127.0.0.1:$port" --input "$work/file" --digest crc32c --json >"$work/send.out"
  ends_with "$pid" 0 "netmem recv $*"
  reports send "\"digest\": \"$crc\""
  reports send '"digest_by": "cpu"'
  reports recv "\"digest\": \"$crc\""
  reports recv "\"digest_by\": \"$by\""
  books_balance recv
}

# transfers_streams BY RECV-ARGUMENTS...: 8 connections at once.
transfers_streams() {
  local by=$1
  shift
  start_recv many --digest crc32c --connections 8 --json "$@"
  timeout "$limit" "$netmem" send --connect "127.0.0.1:$port" --bytes 3000017 --connections 8 --digest crc32c --json \
    >"$work/send.out"
  ends_with "$pid" 0 "netmem recv $* of 8 connections"
  equal "$(digests "$work/many.out" | wc -l)" 8 "digests"
  equal "$(digests "$work/many.out")" "$(digests "$work/send.out")" "digests of 8 connections"
  reports many "\"digest_by\": \"$by\""
  books_balance many
}

for memory in host:16M memfd:16M memfd:16K; do
  transfers_file cpu --memory $memory
  transfers_streams cpu --memory $memory
done
transfers_file cpu --memory memfd:16M --output "$work/copy"
same_file "$work/file" "$work/copy"

start_recv text --digest crc32c
"$netmem" send --connect "127.0.0.1:$port" --bytes 0 --digest crc32c >"$work/send.out"
ends_with "$pid" 0 "netmem recv of nothing"
grep -q ', crc32c 00000000$' "$work/text.out" || fail "the digest of nothing is not 00000000"
grep -q ', crc32c 00000000$' "$work/send.out" || fail "the digest of nothing is not 00000000"

if ! have_opencl; then
  note_skipped "digests on the device: $(cat "$work/opencl.err")"
  exit 0
fi
transfers_file device --memory opencl:64M
transfers_file device --memory opencl:4M --page-size 2M
# A region that is too small: the device's pages are back in time for those who wait for pages.
transfers_streams device --memory opencl:16K
transfers_streams device --memory opencl:64M
transfers_file cpu --memory opencl:64M --output "$work/copy2"
same_file "$work/file" "$work/copy2"

start_recv text --memory opencl:4M --digest crc32c
"$netmem" send --connect "127.0.0.1:$port" --input "$work/file" --digest none >/dev/null
ends_with "$pid" 0 "netmem recv"
grep -q ", crc32c $crc on the device$" "$work/text.out" || fail "the summary does not say who computed the digest"
