# The page and the picture of a benchmark: every figure is in them, whatever the names are, in a browser too.
. "$(dirname "$0")/common.sh"
need python3

here=$(cd "$(dirname "$0")" && pwd)
report=$here/../../bench/report
sample=$here/../report/sample.json
experiment=$here/../report/experiment.json
/usr/bin/python3 -c 'import jinja2, matplotlib' 2>/dev/null || skip "python3-matplotlib or python3-jinja2 is not installed"
mkdir "$work/out"

chromium=$(command -v chromium || command -v chromium-browser || true)
check() {
  local figures=$1 page=$2
  shift 2
  timeout 500 python3 "$here/bench_report.py" "$figures" "$page" ${chromium:+--browser "$chromium"} "$@" >"$page.err" 2>&1 ||
    fail "the page $page"
}

echo "names that try to be markup or formulas, what is missing, one repetition where others have three"
(cd "$work/out" && "$report" "$sample" "$work/sample.html" --experiment "$experiment" && "$report" "$sample" "$work/sample.svg") ||
  fail "bench/report"
is_empty_directory "$work/out"
check "$sample" "$work/sample.html" --experiment "$experiment"
python3 -c 'import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])' "$work/sample.svg" || fail "the picture is no XML"

echo "figures of a machine that had other work"
sed 's/"verdict": {"given": true, "says": "[^"]*"}/"verdict": {"given": false, "says": "No verdict: noise."}/' "$sample" >"$work/noise.json"
"$report" "$work/noise.json" "$work/noise.html" || fail "bench/report of noise"
check "$work/noise.json" "$work/noise.html"

echo "what this machine measures, quickly; what is missing here is not the report's business"
"$netmem" bench --filter 'fast_path|^lock$|bulk_64|pool_of_64|pool_of_1K|cross_core_(8|64)/|page_size_(4K|64K)' --time 1 \
  --repetitions 3 --json "$work/real.json" >/dev/null 2>"$work/measure.err" || fail "netmem bench"
"$report" "$work/real.json" "$work/real.html" || fail "bench/report of figures"
check "$work/real.json" "$work/real.html"

[ -n "$chromium" ] || skip "the look in a browser: chromium is not installed; the pages themselves are right"
