# netmem bench: every loop runs, figures come back from their file, and what cannot be had is said while the rest runs.
. "$(dirname "$0")/common.sh"
need python3

bench=("$netmem" bench)
quick=(--loops 64 --repetitions 3)
limit=300

# printed NAME TEXT: NAME's standard output has it.
printed() { grep -q -- "$2" "$work/$1.out" || { cat "$work/$1.out" >&2; fail "$1: standard output has no \"$2\""; }; }

echo "a dozen loops when nobody asks for others"
began=$SECONDS
runs_with 0 dozen "${bench[@]}" --json "$work/dozen.json"
[ $((SECONDS - began)) -lt 60 ] || fail "a dozen loops take a minute or more, and 15 seconds were aimed at"
tail -n 1 "$work/dozen.out" | grep -qE '^(Device memory|No verdict: ).*\.$' || fail "there is no verdict at the end"
runs_with 0 dozen_listed "${bench[@]}" --list
equal "$(grep -c . "$work/dozen_listed.out")" 12 "loops in the list"
python3 -c 'import json, sys; run = json.load(open(sys.argv[1])); assert len(run["loops"]) + len(run["missing"]) == 12, run' \
  "$work/dozen.json" || fail "not a dozen loops"

echo "every loop; what cannot run here is no failure"
runs_with 0 all "${bench[@]}" --all "${quick[@]}" --json "$work/all.json"
"${bench[@]}" --all --list >"$work/list.out"
python3 - "$work" <<'PYTHON'
import json, math, sys

work = sys.argv[1]
run = json.load(open(f"{work}/all.json"))
listed = {line.split()[0] for line in open(f"{work}/list.out").read().split("\nNot run")[0].splitlines() if line}
loops = {loop["name"]: loop for loop in run["loops"]}
missing = {entry["name"]: entry["reason"] for entry in run["missing"]}
assert run["schema"] == 1 and run["repetitions"] == 3, run
assert not run["verdict"]["given"] and run["verdict"]["says"].startswith("No verdict: "), run["verdict"]
assert len(listed) > 70, listed
assert listed <= set(loops) | set(missing), listed - set(loops) - set(missing)
assert not set(loops) & set(missing)
ours = [name for name in missing if name in listed]
reasons = ("huge pages", "there is only one", "fits", "memory")
assert all(any(word in missing[name] for word in reasons) or name.split("/")[-1] not in ("host", "device") for name in ours), missing

def finite(value):
    if isinstance(value, float): return math.isfinite(value)
    if isinstance(value, dict): return all(map(finite, value.values()))
    return all(map(finite, value)) if isinstance(value, list) else True

assert finite(run)
for loop in loops.values():
    assert loop["elements"] >= 64 and loop["elements"] % loop["batch"] == 0, loop
    assert len(loop["repetitions"]) == 3, loop
    each = sorted(sample["cycles"] / loop["elements"] for sample in loop["repetitions"])
    assert [loop["cycles"][which] for which in ("min", "median", "max")] == each, loop
    keeps = loop["group"].startswith("pool_of_") and loop["subject"].startswith("netmem")
    assert (loop["bookkeeping"] > 64) == keeps, loop
for ratio in run["ratios"]:
    assert ratio["above"] in loops and ratio["below"] in loops, ratio
    assert ratio["min"] <= ratio["median"] <= ratio["max"], ratio
    decided = ratio["target"] is not None and ratio["spread"] <= 0.1
    assert ratio["met"] == (ratio["median"] <= ratio["target"] if decided else None), ratio
print(f"{len(loops)} loops ran, {len(missing)} could not")
PYTHON

echo "figures come back from their file"
runs_with 0 again "${bench[@]}" --from "$work/all.json" --json "$work/again.json"
same_file "$work/all.out" "$work/again.out"
same_file "$work/all.json" "$work/again.json"
runs_with 0 part "${bench[@]}" --from "$work/all.json" --filter '^burst_64/' --format kernel
printed part '^Type:burst_64/host Per elem: [0-9]* cycles.* (step:0) - (measurement period time:.* (invoke count:64 tsc_interval:[0-9]*)$'
if grep -q lock "$work/part.out"; then fail "--filter with --from shows other loops"; fi

echo "files that are no figures"
head -c 1000 "$work/all.json" >"$work/cut.json"
sed 's/"schema": 1/"schema": 7/' "$work/all.json" >"$work/future.json"
sed '0,/"cycles": [0-9]*/s//"cycles": "few"/' "$work/all.json" >"$work/few.json"
for file in "$work/cut.json" "$work/future.json" "$work/few.json" "$work" /dev/null /dev/zero "$work/none.json"; do
  run_failing 1 no_figures "${bench[@]}" --from "$file"
  [ ! -s "$work/no_figures.out" ] || fail "--from $file prints something"
done
says no_figures 'No such file'

echo "command lines that make no sense"
run_failing 2 unknown_loop "${bench[@]}" --filter no_such_loop
says unknown_loop 'no_such_loop.*--all --list'
run_failing 2 no_expression "${bench[@]}" --filter '(lock'
run_failing 2 no_elements "${bench[@]}" --loops 0
run_failing 2 few_repetitions "${bench[@]}" --repetitions 2
run_failing 2 no_time "${bench[@]}" --time 0
run_failing 2 odd_format "${bench[@]}" --format xml
run_failing 2 time_and_loops "${bench[@]}" --loops 10 --time 10
run_failing 2 from_and_loops "${bench[@]}" --from "$work/all.json" --loops 10
run_failing 2 report "${bench[@]}" --report "$work/page.html"

echo "an unknown loop among known ones"
run_failing 1 one_unknown "${bench[@]}" "${quick[@]}" --filter no_such_loop --filter '^lock$'
printed one_unknown '^  lock '

echo "figures that cannot be written"
run_failing 1 no_folder "${bench[@]}" "${quick[@]}" --filter '^lock$' --json "$work/none/figures.json"
says no_folder 'No such file or directory'
printed no_folder '^  lock '
run_failing 1 full "${bench[@]}" "${quick[@]}" --filter '^lock$' --json /dev/full
says full 'No space left on device'
printed full '^  lock '
code=0
"${bench[@]}" "${quick[@]}" --filter '^lock$' --json "$work/kept.json" >/dev/full 2>"$work/stdout.err" || code=$?
equal "$code" 1 "exit code with a full standard output"
[ -s "$work/kept.json" ] || fail "a full standard output costs the JSON, too"
echo "... is said before anything is measured"
start early "${bench[@]}" --filter '^lock$' --time 60000 --json "$work/none/figures.json"
eventually grep -q 'No such file or directory' "$work/early.err"
kill -0 "$pid" || fail "it did not go on"
kill -KILL "$pid"
wait "$pid" 2>/dev/null || true

echo "the user stops it"
mkdir "$work/stopped"
start stopped "${bench[@]}" --filter '^lock$' --time 100 --repetitions 1000 --json "$work/stopped/figures.json"
holds_a_file() { [ -n "$(ls -A "$work/stopped")" ]; }
eventually holds_a_file
kill -INT "$pid"
ends_with "$pid" 1 "netmem bench after SIGINT"
one_line stopped
is_empty_directory "$work/stopped"

echo "one processor only"
if command -v taskset >/dev/null; then
  first=$(taskset -cp $$ | sed 's/.*: \([0-9]*\).*/\1/')
  runs_with 0 one_processor taskset -c "$first" "${bench[@]}" "${quick[@]}" --filter '^cross_core_64/host' --filter '^lock$'
  printed one_processor '^  lock '
  printed one_processor '^  cross_core_64/host: .*there is only one'
  run_failing 1 nothing taskset -c "$first" "${bench[@]}" "${quick[@]}" --filter '^cross_core_64/host'
  says nothing 'cannot measure cross_core_64/host: .*there is only one'
else
  note_skipped "one processor only: no taskset"
fi

echo "no constant TSC"
if [ "$(uname -m)" = x86_64 ] && unshare -m true 2>/dev/null; then
  sed 's/constant_tsc//' /proc/cpuinfo >"$work/cpuinfo"
  run_failing 1 no_tsc unshare -m sh -c 'mount --bind "$0" /proc/cpuinfo && exec "$@"' "$work/cpuinfo" \
    "${bench[@]}" "${quick[@]}" --filter '^lock$' --json "$work/no_tsc.json"
  says no_tsc 'constant and nonstop TSC'
  printed no_tsc '^  lock '
  printed no_tsc '^note: no constant TSC'
  grep -q '"constant_tsc": false' "$work/no_tsc.json" || fail "the JSON does not say that the TSC is not constant"
else
  note_skipped "no constant TSC: not x86-64, or no right to hide flags"
fi

echo "no huge pages"
if [ "$(cat /sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages 2>/dev/null || echo 0)" = 0 ]; then
  runs_with 0 no_huge "${bench[@]}" "${quick[@]}" --filter '^page_pool01_fast_path/(host|huge)$'
  printed no_huge '^  host '
  printed no_huge '^  page_pool01_fast_path/huge: .*huge pages'
else
  note_skipped "no huge pages: there are some"
fi
