# Messages of a known length land in one piece, in memory of any kind, and the whole arrives as it was sent.
. "$(dirname "$0")/common.sh"

run_failing 2 no_message "$netmem" recv --listen 127.0.0.1:0 --placement contiguous
says no_message '--message'
run_failing 2 no_placement "$netmem" recv --listen 127.0.0.1:0 --message 4K
says no_placement 'goes with --placement contiguous'
run_failing 2 no_size "$netmem" recv --listen 127.0.0.1:0 --placement contiguous --message 0
run_failing 2 too_large "$netmem" recv --listen 127.0.0.1:0 --placement contiguous --message 3T
says too_large 'no page holds more than 1 GiB'
run_failing 2 little_too_large "$netmem" recv --listen 127.0.0.1:0 --placement contiguous --message 1073741825
says little_too_large 'no page holds more than 1 GiB'
run_failing 1 small_page "$netmem" recv --listen 127.0.0.1:0 --placement contiguous --message 5000 --page-size 4K
says small_page 'messages of 5000 bytes do not fit pages of 4 KiB; take pages of 8 KiB'

head -c 1000003 /dev/urandom >"$work/small"
head -c 20000003 /dev/urandom >"$work/large"
input=$work/small

# MEMORY MESSAGE VIEWS PAGE_SIZE [ARGUMENT...]
transfer() {
  local memory=$1 message=$2 views=$3 page=$4
  shift 4
  start_recv recv --memory "$memory" --placement contiguous --message "$message" --output "$work/copy" --json "$@"
  timeout "$limit" "$netmem" send --connect "127.0.0.1:$port" --input "$input" --digest none >/dev/null ||
    fail "netmem send to $memory, messages of $message"
  ends_with "$pid" 0 "netmem recv of messages of $message into $memory"
  same_file "$input" "$work/copy"
  reports recv '"placement": "contiguous"'
  reports recv "\"message\": $message,"
  reports recv "\"page_size\": $page,"
  reports recv "\"views\": $views,"
  books_balance recv
  rm "$work/copy"
}

for memory in memfd host; do
  transfer $memory:16M 1000 1001 4096
  transfer $memory:16M 4096 245 4096
  transfer $memory:16M 65537 16 131072
  transfer $memory:16M 1000003 1 1048576
  transfer $memory:16M 5000 201 65536 --page-size 64K
  transfer $memory:8K 1000 1001 4096
  transfer $memory:16M 5000 201 8192 --landing staged
done

if have_opencl; then
  transfer opencl:16M 1000 1001 4096
  transfer opencl:16M 65537 16 131072
  transfer opencl:16K 5000 201 8192
else
  note_skipped "$(cat "$work/opencl.err")"
fi

# Messages that are larger than a huge page.
input=$work/large
for memory in memfd host; do
  transfer $memory:32M 2097153 10 4194304
  transfer $memory:32M 20000003 1 33554432
  transfer $memory:32M 8388608 3 8388608 --landing staged
  transfer $memory:64M 3000000 7 16777216 --page-size 16M
done
transfer huge_split:32M 5000000 5 8388608
if have_opencl; then
  transfer opencl:32M 8388608 3 8388608
  transfer opencl:32M 20000003 1 33554432
fi
transfer host:1G 20000003 1 1073741824 --page-size 1G

# More connections than pages, all of them within messages.
start_recv many --memory memfd:24K --placement contiguous --message 5000 --connections 16 --json
timeout "$limit" "$netmem" send --connect "127.0.0.1:$port" --bytes 200003 --connections 16 --json >"$work/send.out"
ends_with "$pid" 0 "netmem recv of 16 connections"
books_balance many
digests() { grep -o '"digest": "[0-9a-f]*"' "$1" | sort; }
equal "$(digests "$work/send.out")" "$(digests "$work/many.out")" "digests of 16 connections"
