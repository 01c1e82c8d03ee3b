# netmem bench: every loop runs, figures come back from their file, and what cannot be had is said while the rest runs.
. "$(dirname "$0")/common.sh"
need python3

bench=("$netmem" bench)
quick=(--loops 64 --repetitions 3)
limit=300

# printed NAME TEXT: NAME's standard output has it.
printed() { grep -q -- "$2" "$work/$1.out" || { cat "$work/$1.out" >&2; fail "$1: standard output has no \"$2\""; }; }

echo "every loop"
code=0
"${bench[@]}" "${quick[@]}" --json "$work/all.json" >"$work/all.out" 2>"$work/all.err" || code=$?
"${bench[@]}" --list >"$work/list.out"
python3 - "$work" "$code" <<'PYTHON'
import json, math, sys

work, code = sys.argv[1], int(sys.argv[2])
run = json.load(open(f"{work}/all.json"))
listed = {line.split()[0] for line in open(f"{work}/list.out").read().split("\nNot run")[0].splitlines() if line}
loops = {loop["name"]: loop for loop in run["loops"]}
missing = {entry["name"]: entry["reason"] for entry in run["missing"]}
assert run["schema"] == 1 and run["repetitions"] == 3 and run["experiment"] is None, run
assert len(listed) > 70, listed
assert listed <= set(loops) | set(missing), listed - set(loops) - set(missing)
assert not set(loops) & set(missing)
ours = [name for name in missing if name in listed]
reasons = ("huge pages", "there is only one", "fits", "memory")
assert all(any(word in missing[name] for word in reasons) or name.split("/")[-1] not in ("host", "device") for name in ours), missing
assert code == (1 if any(name.split("/")[-1] in ("host", "device", "huge", "huge_1g", "ring") for name in ours) else 0), (code, ours)

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
    assert ratio["met"] == (None if ratio["target"] is None else ratio["median"] <= ratio["target"]), ratio
print(f"{len(loops)} loops ran, {len(missing)} could not")
PYTHON

echo "figures come back from their file"
runs_with 0 again "${bench[@]}" --from "$work/all.json" --json "$work/again.json"
same_file "$work/all.out" "$work/again.out"
same_file "$work/all.json" "$work/again.json"
runs_with 0 part "${bench[@]}" --from "$work/all.json" --filter '^burst_64/' --format kernel
printed part '^Type:burst_64/host Per elem: [0-9]* cycles.* (step:0) - (measurement period time:.* (invoke count:64 tsc_interval:[0-9]*)$'
if grep -q lock "$work/part.out"; then fail "--filter with --from shows other loops"; fi
echo '{"builds": [], "loops": [], "says": "no difference", "rounds": 25}' >"$work/experiment.json"
runs_with 0 added "${bench[@]}" --from "$work/all.json" --experiment "$work/experiment.json" --json "$work/added.json"
grep -q '"rounds": 25' "$work/added.json" || fail "the experiment is not in the JSON"

echo "files that are no figures"
head -c 1000 "$work/all.json" >"$work/cut.json"
sed 's/"schema": 1/"schema": 7/' "$work/all.json" >"$work/future.json"
sed '0,/"cycles": [0-9]*/s//"cycles": "few"/' "$work/all.json" >"$work/few.json"
for file in "$work/cut.json" "$work/future.json" "$work/few.json" "$work" /dev/null /dev/zero "$work/none.json"; do
  run_failing 1 no_figures "${bench[@]}" --from "$file"
  [ ! -s "$work/no_figures.out" ] || fail "--from $file prints something"
done
says no_figures 'No such file'
run_failing 1 no_experiment "${bench[@]}" --from "$work/all.json" --experiment "$work/cut.json"
printed no_experiment '^Ratios'

echo "command lines that make no sense"
run_failing 2 unknown_loop "${bench[@]}" --filter no_such_loop
says unknown_loop 'no_such_loop.*--list'
run_failing 2 no_expression "${bench[@]}" --filter '(lock'
run_failing 2 no_elements "${bench[@]}" --loops 0
run_failing 2 few_repetitions "${bench[@]}" --repetitions 2
run_failing 2 no_time "${bench[@]}" --time 0
run_failing 2 odd_format "${bench[@]}" --format xml
run_failing 2 time_and_loops "${bench[@]}" --loops 10 --time 10
run_failing 2 from_and_loops "${bench[@]}" --from "$work/all.json" --loops 10

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

echo "a report"
run_failing 1 no_report_folder "${bench[@]}" "${quick[@]}" --filter '^lock$' --report "$work/none/page.html"
says no_report_folder 'No such file or directory'
printed no_report_folder '^  lock '
if command -v gnuplot >/dev/null; then
  runs_with 0 report "${bench[@]}" --from "$work/all.json" --report "$work/page.html" --picture "$work/picture.svg"
  same_file "$work/all.out" "$work/report.out"
  grep -qi '^<!doctype html' "$work/page.html" || fail "the report is no page"
  grep -q '<svg' "$work/picture.svg" || fail "the picture is none"
else
  note_skipped "a report: no gnuplot"
fi
mkdir "$work/empty"
run_failing 1 no_gnuplot env PATH="$work/empty" "$netmem" bench "${quick[@]}" --filter '^lock$' --report "$work/no.html"
says no_gnuplot 'install gnuplot'
printed no_gnuplot '^  lock '
[ ! -e "$work/no.html" ] || fail "a report that was not drawn is there"

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
  run_failing 1 one_processor taskset -c "$first" "${bench[@]}" "${quick[@]}" --filter '^cross_core_64/host' --filter '^lock$'
  says one_processor 'there is only one'
  printed one_processor '^  lock '
  printed one_processor '^  cross_core_64/host: '
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
  run_failing 1 no_huge "${bench[@]}" "${quick[@]}" --filter '^page_pool01_fast_path/(host|huge)$'
  says no_huge 'huge pages'
  printed no_huge '^  host '
  printed no_huge '^  page_pool01_fast_path/huge: '
else
  note_skipped "no huge pages: there are some"
fi
