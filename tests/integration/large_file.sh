# A file of more than 1 GiB, sent by nc, comes out of device memory identical; memory stays within the region and 16 MiB.
. "$(dirname "$0")/common.sh"
need nc openssl sha256sum

size=$((1024 * 1024 * 1024 + 4097))
[ "$(df --output=avail -B1 "$work" | tail -1)" -gt $((3 * size)) ] || skip "less than 3 GiB free in $work"
openssl rand $size >"$work/file"

# A second connection keeps the program alive, so that its peak can be read.
mkdir "$work/received"
start_recv recv --memory memfd:32M --output "$work/received" --connections 2 --digest sha256 --json
timeout "$limit" nc -N 127.0.0.1 "$port" <"$work/file"
eventually test -e "$work/received/connection-1.bin"
peak=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$pid/status")
nc -N 127.0.0.1 "$port" </dev/null
ends_with "$pid" 0 "netmem recv"
books_balance recv
same_file "$work/file" "$work/received/connection-1.bin"
reports recv "\"digest\": \"$(sha256_of "$work/file")\""
reports recv "\"bytes\": $size"
echo "peak resident memory: $peak KiB with a region of 32768 KiB"
[ "$peak" -le $(((32 + 16) * 1024)) ] || case $(ldd "$netmem") in
  *libasan* | *libtsan*) note_skipped "the memory limit: this is a sanitizer build" ;;
  *) fail "resident memory rose to $peak KiB" ;;
esac
