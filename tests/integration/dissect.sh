# Frames that real programs sent are laid out as tshark dissects them.
. "$(dirname "$0")/common.sh"

captures=$(dirname "$0")/../captures
layouts=$(dirname "$netmem")/netmem_layouts
[ -x "$layouts" ] || skip "netmem_layouts was not built: libpcap's headers are missing (libpcap-dev)"
need tshark python3

code=0
"$captures/make" "$work/captures" || code=$?
[ $code -eq 77 ] && exit 77
equal $code 0 "exit code of tests/captures/make"
"$captures/compare" "$layouts" "$work/captures" || fail "netmem and tshark see different frames"
