# Shared by the integration tests, which source it. Each test has a directory of its own in $work and ends what it started.
set -euo pipefail

netmem=$1
# Seconds that any one step may take. It only catches hangs: it is more than ten times what the slowest step needs on a
# quiet machine. No test sleeps until something has happened; it waits for the event itself, with `eventually`.
export limit=600
work=$(mktemp -d "${TMPDIR:-/tmp}/netmem-test-XXXXXX")
started=()
at_exit=() # functions that take away what a test made beside files and processes

clean_up() {
  local code=$?
  for pid in "${started[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  for function in "${at_exit[@]}"; do "$function" || true; done
  rm -rf "$work"
  exit "$code"
}
trap clean_up EXIT

fail() {
  echo "FAILED: $*" >&2
  for log in "$work"/*.err; do
    [ -s "$log" ] && { echo "--- $log" >&2; tail -n 20 "$log" >&2; }
  done
  exit 1
}

# The test as a whole cannot run here.
skip() {
  echo "SKIPPED: $*"
  exit 77
}

# A part of it cannot.
note_skipped() { echo "skipped here: $*"; }

need() {
  for program in "$@"; do command -v "$program" >/dev/null || skip "$program is not installed"; done
}

equal() { [ "$1" = "$2" ] || fail "$3: expected \"$2\", got \"$1\""; }

# Runs `"$@"` until it succeeds.
eventually() {
  local end=$((SECONDS + limit))
  while [ "$SECONDS" -lt "$end" ]; do
    if "$@"; then return 0; fi
    sleep 0.1
  done
  fail "never came true: $*"
}

# start NAME COMMAND...: in the background, $work/NAME.out and NAME.err; sets $pid.
start() {
  local name=$1
  shift
  : >"$work/$name.err" # here and now: an older run's must not be mistaken for this one's
  "$@" >"$work/$name.out" 2>"$work/$name.err" &
  pid=$!
  started+=("$pid")
}

is_listening_or_dead() { grep -q '^listening on ' "$work/$1.err" || ! kill -0 "$2" 2>/dev/null; }

# port_of NAME: waits until what was just started as NAME listens; sets $port.
port_of() {
  eventually is_listening_or_dead "$1" "$pid"
  port=$(sed -n 's/^listening on .*:\([0-9]*\)$/\1/p' "$work/$1.err")
  [ -n "$port" ] || fail "$1 does not listen"
}

# start_recv NAME ARGUMENTS...: netmem recv on a free port of 127.0.0.1, or as --listen in ARGUMENTS says; sets $pid, $port.
start_recv() {
  local name=$1
  shift
  case " $* " in
    *" --listen "*) start "$name" "$netmem" recv "$@" ;;
    *) start "$name" "$netmem" recv --listen 127.0.0.1:0 "$@" ;;
  esac
  port_of "$name"
}

is_dead() { ! kill -0 "$1" 2>/dev/null; }

# ends_with PID CODE WHAT
ends_with() {
  local code=0
  eventually is_dead "$1"
  wait "$1" || code=$?
  equal "$code" "$2" "exit code of $3"
}

# runs_with CODE NAME COMMAND...: must exit with CODE.
runs_with() {
  local expected=$1 name=$2 code=0
  shift 2
  timeout "$limit" "$@" >"$work/$name.out" 2>"$work/$name.err" </dev/null || code=$?
  equal "$code" "$expected" "exit code of $*"
}

# run_failing CODE NAME COMMAND...: and must say one line on standard error.
run_failing() {
  runs_with "$@"
  one_line "$2"
}

# What NAME said on standard error, but for the line about listening, is one error.
one_line() {
  local lines
  lines=$(grep -vEc '^(listening|receiving|echoing) on ' "$work/$1.err" || true)
  equal "$lines" 1 "lines on standard error of $1"
  grep -q '^netmem: .*cannot ' "$work/$1.err" || fail "$1: standard error does not say what could not be done"
}

says() { grep -q -- "$2" "$work/$1.err" || fail "$1: standard error does not say \"$2\""; }

# The summary of NAME (--json) has this line.
reports() { grep -q -- "^ *$2" "$work/$1.out" || { cat "$work/$1.out" >&2; fail "$1: the summary has no $2"; }; }

books_balance() { reports "$1" '"books_balance": true'; }

sha256_of() { sha256sum <"$1" | cut -d' ' -f1; }

same_file() { cmp "$1" "$2" >&2 || fail "$1 and $2 differ"; }

is_empty_directory() { [ -z "$(ls -A "$1")" ] || fail "$1 holds $(ls -A "$1")"; }

# For programs that cannot say which port they took. Below the ports that the kernel gives to others by itself, so that it
# stays free until it is used.
free_port() {
  python3 -c '
import random, socket
while True:
    port = random.randint(10000, 30000)
    try:
        socket.socket().bind(("127.0.0.1", port))
    except OSError:
        continue
    print(port)
    break'
}

have_ipv6() { python3 -c 'import socket; socket.socket(socket.AF_INET6).bind(("::1", 0))' 2>/dev/null; }

# Whether there is an OpenCL device; $work/opencl.err says why not.
have_opencl() {
  runs_with 1 opencl "$netmem" recv --listen 127.0.0.1:0 --memory opencl:4096T
  grep -q 'its largest buffer is' "$work/opencl.err"
}
