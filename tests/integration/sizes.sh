# Every size around a page, over several kinds of memory, page sizes and landings, arrives as it was sent.
. "$(dirname "$0")/common.sh"

transfer() {
  local size=$1
  shift
  start_recv recv --output "$work/copy" --digest sha256 --json "$@"
  timeout "$limit" "$netmem" send --connect "127.0.0.1:$port" --input "$work/$size" --digest none >/dev/null ||
    fail "netmem send of $size bytes"
  ends_with "$pid" 0 "netmem recv $* of $size bytes"
  same_file "$work/$size" "$work/copy"
  reports recv "\"digest\": \"$(sha256_of "$work/$size")\""
  books_balance recv
  rm "$work/copy"
}

for size in 0 1 4095 4096 4097 3000017; do
  head -c $size /dev/urandom >"$work/$size"
  transfer $size
  transfer $size --memory memfd:16K
  transfer $size --memory memfd:8M --landing staged
  transfer $size --memory memfd:8M --page-size 2M
  transfer $size --memory host:1M --page-size 64K
  transfer $size --memory host:1M --landing staged
  transfer $size --memory huge_split:4M
done

# The seed alone says what is sent.
start_recv recv --output "$work/copy" --json
timeout "$limit" "$netmem" send --connect "127.0.0.1:$port" --bytes 100001 --seed 7 --json >"$work/send.out"
ends_with "$pid" 0 "netmem recv"
equal "$(sha256_of "$work/copy")" fc3bac5375d1b2ed1d56a900184faed2765156ab92ee2e2b2ce3be75855b9a23 "sha256 of 100001 bytes of seed 7"
equal "$(grep '"digest": "[0-9a-f]*"' "$work/send.out")" "$(grep '"digest": "[0-9a-f]*"' "$work/recv.out")" "digest"
