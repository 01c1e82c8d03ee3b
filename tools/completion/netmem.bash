# Completion of netmem for bash.

_netmem_values() {
  case $1 in
    --memory) echo "memfd: udmabuf: opencl: cuda:0: host: huge: huge_split: huge_1g:" ;;
    --page-size) echo "4K 8K 16K 32K 64K 128K 256K 512K 1M 2M 4M 8M 16M 32M 64M 128M 256M 512M 1G" ;;
    --landing) echo "auto direct staged" ;;
    --placement) echo "pages contiguous" ;;
    --timeout | --message-timeout) echo "30s 5m" ;;
    --digest) echo "xxh3 sha256 crc32c none" ;;
    --format) echo "table kernel" ;;
    --interface) ls /sys/class/net ;;
    --queue) echo "all 0" ;;
    --split) echo "on off" ;;
    --frames) echo "host: huge: huge_1g:" ;;
    --chunk) echo "2K 4K" ;;
    --mode) echo "auto native generic" ;;
    --zero-copy) echo "auto on off" ;;
  esac
}

_netmem_flags() {
  case $1 in
    recv) echo "--help --listen --interface --udp --tcp-sniff --any --queue --count --split --frames --chunk --mode --zero-copy --coalesce --busy-poll --pcap --memory --page-size --landing --placement --message --timeout --message-timeout --output --connections --digest --json" ;;
    send) echo "--help --connect --udp --rate --size --count --input --bytes --seed --timeout --connections --digest --json" ;;
    echo) echo "--help --interface --udp --queue --count --frames --chunk --mode --zero-copy --busy-poll --json" ;;
    bench) echo "--help --filter --all --list --time --loops --repetitions --format --json --from" ;;
    *) echo "--help --version recv send echo bench" ;;
  esac
}

_netmem() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  # bash takes a colon for the end of a word.
  if [[ $previous == : ]]; then return; fi
  case $previous in
    --input | --output | --pcap | --from)
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      ;;
    --memory | --page-size | --landing | --placement | --timeout | --message-timeout | --digest | --format | --interface | --queue | --split | --frames | --chunk | --mode | --zero-copy)
      [[ $previous == --memory || $previous == --frames ]] && compopt -o nospace
      mapfile -t COMPREPLY < <(compgen -W "$(_netmem_values "$previous" 2>/dev/null)" -- "$current")
      ;;
    --listen | --connect | --udp | --tcp-sniff | --count | --rate | --size | --message | --connections | --bytes | --seed | --filter | --loops | --time | --repetitions) COMPREPLY=() ;;
    *) mapfile -t COMPREPLY < <(compgen -W "$(_netmem_flags "${COMP_WORDS[1]}")" -- "$current") ;;
  esac
}

complete -F _netmem netmem
