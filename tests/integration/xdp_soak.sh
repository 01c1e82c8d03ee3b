# A minute with pools that are much too small and a program that keeps packets: it goes on, nothing is lost without a
# name, and every page comes home.
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/namespaces.sh"
soak=$(dirname "$netmem")/xdp_soak
[ -x "$soak" ] || skip "xdp_soak was not built"
need_xdp
make_pair 9000 1

seed=$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')
echo "seed $seed"
sink 9000
start sender ip netns exec "$near" "$soak" send 10.99.0.2 9000
start soak ip netns exec "$far" timeout "$limit" "$soak" receive far0 9000 "${NETMEM_SOAK_SECONDS:-60}" "$seed"
code=0
wait "$pid" || code=$?
cat "$work/soak.out"
equal "$code" 0 "exit code of the soak"
for counter in packets starved fill_ring_empty no_device_page; do
  [ "$(awk -v name="$counter" '$1 == name { print $2 }' "$work/soak.out")" -gt 0 ] || fail "$counter is 0: nothing was tried"
done
no_xdp_in "$far" far0 || fail "an XDP program was left"
