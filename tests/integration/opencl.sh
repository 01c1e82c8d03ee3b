# Streams into memory of an OpenCL device arrive as they were sent; what OpenCL lacks is said in one line.
. "$(dirname "$0")/common.sh"

have_opencl || missing=1
one_line opencl
if [ "${missing-}" ]; then skip "$(cat "$work/opencl.err")"; fi
run_failing 1 no_device "$netmem" recv --listen 127.0.0.1:0 --memory opencl:99.0:4M
says no_device 'cannot open opencl:99.0: there is no such device; use one of these: 0.0 ('
run_failing 1 odd_device "$netmem" recv --listen 127.0.0.1:0 --memory opencl:gpu:4M
says odd_device 'PLATFORM.DEVICE'
run_failing 1 direct "$netmem" recv --listen 127.0.0.1:0 --memory opencl:4M --landing direct
says direct 'no write window; use landing staged'
OCL_ICD_VENDORS="$work/" run_failing 1 no_platform "$netmem" recv --listen 127.0.0.1:0 --memory opencl:4M
says no_platform 'cannot open an OpenCL device: libOpenCL.so.1 knows of none; install the OpenCL'

transfer() {
  local size=$1
  shift
  start_recv recv --output "$work/copy" --digest sha256 --json "$@"
  timeout "$limit" "$netmem" send --connect "127.0.0.1:$port" --input "$work/$size" --digest none >/dev/null ||
    fail "netmem send of $size bytes"
  ends_with "$pid" 0 "netmem recv $* of $size bytes"
  same_file "$work/$size" "$work/copy"
  reports recv "\"digest\": \"$(sha256_of "$work/$size")\""
  reports recv '"landing": "staged"'
  books_balance recv
  rm "$work/copy"
}

for size in 0 1 4097 3000017; do
  head -c $size /dev/urandom >"$work/$size"
  transfer $size --memory opencl:16K
  transfer $size --memory opencl:0.0:64M
  transfer $size --memory opencl:4M --page-size 2M
done

# Many connections at once, in a region that is too small for them.
start_recv many --memory opencl:64K --connections 8 --json
timeout "$limit" "$netmem" send --connect "127.0.0.1:$port" --bytes 1000003 --connections 8 --json >"$work/send.out"
ends_with "$pid" 0 "netmem recv of 8 connections"
books_balance many
digests() { grep -o '"digest": "[0-9a-f]*"' "$1" | sort; }
equal "$(digests "$work/send.out")" "$(digests "$work/many.out")" "digests of 8 connections"
