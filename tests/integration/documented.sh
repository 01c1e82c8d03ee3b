# Every flag that --help lists is in the man page and in the completions of bash, zsh and fish, and every flag of theirs
# is in --help.
. "$(dirname "$0")/common.sh"

root=$(cd "$(dirname "$0")/../.." && pwd)
completions=$root/tools/completion

# The flags at the beginning of the lines of a help text.
flags_of() { "$netmem" "$@" --help | sed -n 's/^ *\(-[a-z],\)\?--\([a-z-]*\).*/\2/p' | sort -u; }
commands() { "$netmem" --help | sed -n '/^Subcommands:/,/^$/s/^  \([a-z]\+\) .*/\1/p'; }

section_of_man() {
  sed -n "/^\.Ss netmem $1/,/^\.S[sh] /p;/^\.Sh DESCRIPTION/,/^\.Ss/p" "$root/docs/netmem.1" | sed 's/^\.It.*Fl -/.It --/'
}

[ -n "$(commands)" ] || fail "--help lists no subcommands"
for command in $(commands); do
  flags=$(flags_of "$command")
  [ -n "$flags" ] || fail "netmem $command --help lists no flags"
  for flag in $flags; do
    section_of_man "$command" | grep -- "^\.It --$flag\b" >/dev/null || fail "netmem.1 has no --$flag for $command"
    grep -q -- "^ *$command) echo \".*--$flag\b" "$completions/netmem.bash" || fail "netmem.bash has no --$flag for $command"
    grep -q -- "'\*\?--$flag\[" "$completions/_netmem" || fail "_netmem has no --$flag"
    grep -q -- "-l $flag\b" "$completions/netmem.fish" || fail "netmem.fish has no --$flag"
  done
  grep -q "'$command:" "$completions/_netmem" || fail "_netmem has no $command"
  grep -q -- "-a $command\b" "$completions/netmem.fish" || fail "netmem.fish has no $command"
done

known=$( (flags_of; for command in $(commands); do flags_of "$command"; done) | sort -u)
for flag in $(grep -oh -- '--[a-z-]\+' "$completions/netmem.bash" "$completions/_netmem" | sed 's/--//' | sort -u) \
  $(grep '^ *complete' "$completions/netmem.fish" | grep -oh -- '-l [a-z-]\+' | sed 's/-l //' | sort -u) \
  $(sed -n 's/^\.It.*Fl -\([a-z-]\+\).*/\1/p' "$root/docs/netmem.1"); do
  grep -qx -- "$flag" <<<"$known" || fail "--$flag is documented, but --help does not know it"
done

if command -v mandoc >/dev/null; then
  problems=$(mandoc -T lint -W warning "$root/docs/netmem.1" | grep -v 'outdated mandoc.db' || true)
  equal "$problems" "" "mandoc -T lint"
else
  note_skipped "the man page's form: mandoc is not installed"
fi
bash -n "$completions/netmem.bash" || fail "netmem.bash"
if command -v zsh >/dev/null; then zsh -n "$completions/_netmem" || fail "_netmem"; else note_skipped zsh; fi
if command -v fish >/dev/null; then fish -n "$completions/netmem.fish" || fail "netmem.fish"; else note_skipped fish; fi
