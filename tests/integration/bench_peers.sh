# netmem bench beside its peers: those of this build are measured, those that are absent are said to be.
. "$(dirname "$0")/common.sh"
need python3

peers='dpdk_mempool dpdk_pktmbuf jemalloc mimalloc tcmalloc tbb boost_pool'
"$netmem" bench --all --list >"$work/list.out" 2>"$work/list.err" || fail "netmem bench --list"
built=
for peer in $peers; do
  if grep -q "^[a-z0-9_]*/$peer " "$work/list.out"; then
    built="$built $peer"
  else
    grep -q "^  $peer" "$work/list.out" || grep -q 'netmem was built without peers' "$work/list.out" ||
      fail "$peer is not listed, and not missing either"
  fi
done

echo "a peer that is asked for by name and is not there is missing, with what to do; the rest runs"
mkdir "$work/bin"
cp "$netmem" "$work/bin/netmem" # its modules are not beside it
runs_with 0 missing "$work/bin/netmem" bench --filter '^dpdk_mempool$' --filter '^for_loop$' --loops 1000 --repetitions 3
grep -q '^  dpdk_mempool: ' "$work/missing.out" || fail "nothing is said of dpdk_mempool"
grep -q '^  for_loop ' "$work/missing.out" || fail "for_loop was not measured"

[ -n "$built" ] || skip "netmem was built without peers"
for peer in $peers; do
  case " $built " in
    *" $peer "*) ;;
    *) note_skipped "$peer is not installed" ;;
  esac
done

groups='[a-z]'
if [ "$(nproc)" -lt 2 ]; then
  groups='[abd-z]'
  note_skipped "cross-core loops: there is one processor"
fi
echo "every loop of these:$built"
limit=300
runs_with 0 peers "$netmem" bench --filter "^$groups.*/($(echo $built glibc | tr ' ' '|'))\$" --loops 2000 --repetitions 3 \
  --json "$work/peers.json"
python3 - "$work/list.out" "$work/peers.json" "$groups" $built glibc <<'PYTHON'
import json, re, sys
listed, figures, groups, *peers = sys.argv[1:]
names = {line.split()[0] for line in open(listed) if "/" in line.split(" ")[0]}
wanted = {name for name in names if re.match(groups, name) and name.split("/")[1] in peers}
assert wanted, "no loops"
results = json.load(open(figures))
measured = {loop["name"]: loop for loop in results["loops"]}
assert set(measured) == wanted, f"not measured: {wanted - set(measured)}; nobody asked for: {set(measured) - wanted}"
for name, loop in measured.items():
    assert loop["cycles"]["min"] > 0, f"{name} took no time"
    assert loop["elements"] >= 2000, f"{name} did {loop['elements']} elements"
PYTHON
