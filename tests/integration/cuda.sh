# Streams into GPU memory and the errors of the CUDA loader, with the driver that the tests build.
. "$(dirname "$0")/common.sh"

fake=$(cd "$(dirname "$netmem")" && pwd)/fake_cuda
[ -e "$fake/whole/libcuda.so.1" ] || skip "the driver for tests is not built: $fake"
recv=("$netmem" recv --listen 127.0.0.1:0 --memory)

run_failing 1 no_library "${recv[@]}" cuda:0:4096T
if grep -q 'cannot load libcuda.so.1' "$work/no_library.err"; then
  says no_library "install NVIDIA's driver"
else
  note_skipped "the missing library: this machine has a CUDA driver"
fi

export LD_LIBRARY_PATH=$fake/whole
run_failing 1 no_number "${recv[@]}" cuda:4M
says no_number 'it has no number of a GPU, or no size'
run_failing 1 no_gpu "${recv[@]}" cuda:7:4M
says no_gpu 'cannot open cuda:7: there is no such GPU; use one of these: 0 (Fake 0), 1 (Fake 1)'

# broken NAME WHAT IT SAYS: the driver is broken in the way NAME.
broken() {
  NETMEM_FAKE_CUDA=$1 run_failing 1 "$1" "${recv[@]}" cuda:0:4M
  says "$1" "$2"
}
broken no_device 'CUDA_ERROR_NO_DEVICE (100)'
broken old_driver 'the driver is for CUDA 10.2; install one for CUDA 11.0 or later'
broken full 'CUDA_ERROR_OUT_OF_MEMORY (2); 1 GiB of its 80 GiB are free; ask for less'
LD_LIBRARY_PATH=$fake/lacking run_failing 1 lacking "${recv[@]}" cuda:0:4M
says lacking 'it lacks cuEventQuery'

head -c 3000017 /dev/urandom >"$work/file"
for memory in cuda:0:16K cuda:1:64M; do
  start_recv recv --memory $memory --output "$work/copy" --digest sha256 --json
  timeout "$limit" "$netmem" send --connect "127.0.0.1:$port" --input "$work/file" --digest none >/dev/null
  ends_with "$pid" 0 "netmem recv --memory $memory"
  same_file "$work/file" "$work/copy"
  reports recv "\"digest\": \"$(sha256_of "$work/file")\""
  reports recv '"landing": "staged"'
  books_balance recv
  rm "$work/copy"
done

# A copy that fails is the connection's error, and nothing else goes wrong.
NETMEM_FAKE_CUDA=failed_copy start_recv failing --memory cuda:0:4M --output "$work/copy" --json
timeout "$limit" "$netmem" send --connect "127.0.0.1:$port" --input "$work/file" --digest none >/dev/null 2>&1 || true
ends_with "$pid" 1 "netmem recv whose copies fail"
says failing 'CUDA_ERROR_ILLEGAL_ADDRESS (700)'
books_balance failing
[ ! -e "$work/copy" ] || fail "a file of a failed connection is there"
