# The page and the picture of a benchmark: every figure is in them, whatever the names are, in a browser too.
. "$(dirname "$0")/common.sh"
need python3

here=$(cd "$(dirname "$0")" && pwd)
sample=$here/../report/sample.json
mkdir "$work/empty" "$work/out"

# Without gnuplot there is one clear line, and nothing is left behind.
run_failing 1 no_gnuplot env PATH="$work/empty" "$netmem" bench --from "$sample" --report "$work/out/page.html" \
  --picture "$work/out/picture.svg"
says no_gnuplot 'cannot draw the report: gnuplot is not installed; install gnuplot-nox'
is_empty_directory "$work/out"
grep -q 'page_pool01_fast_path/host' "$work/no_gnuplot.out" || fail "without gnuplot the figures are not shown"
need gnuplot

# Nor where it cannot be written.
for option in report picture; do
  run_failing 1 unwritable "$netmem" bench --from "$sample" "--$option" "$work/none/out"
  says unwritable "cannot write $work/none/out: No such file or directory"
done
run_failing 1 full "$netmem" bench --from "$sample" --report /dev/full
says full 'cannot write /dev/full: No space left on device'

chromium=$(command -v chromium || command -v chromium-browser || true)
check() {
  timeout 500 python3 "$here/bench_report.py" "$work/$1.json" "$work/$1.html" $chromium >"$work/$1.err" 2>&1 || fail "the page of $1"
}

# Names that try to be markup or commands, what is missing, one repetition where others have three.
(cd "$work/out" && "$netmem" bench --from "$sample" --json "$work/sample.json" --report "$work/sample.html" \
  --picture "$work/sample.svg" >/dev/null) || fail "netmem bench --from"
is_empty_directory "$work/out"
check sample
python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$work/sample.svg" || fail "the picture is no XML"
grep -q 'Produced by GNUPLOT' "$work/sample.svg" || fail "the picture does not name what drew it"

# What this machine measures, quickly; what is missing here is not the report's business.
"$netmem" bench --filter 'fast_path|^lock$|bulk_64|pool_of_64|pool_of_1K|cross_core_(8|64)/|page_size_(4K|64K)' --time 1 \
  --repetitions 3 --json "$work/real.json" --report "$work/real.html" >/dev/null 2>"$work/measure.err" || true
[ -s "$work/real.html" ] || fail "netmem bench --report"
check real

[ -n "$chromium" ] || skip "the look in a browser: chromium is not installed; the pages themselves are right"
