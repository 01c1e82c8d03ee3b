# Completion of netmem for fish.

set -l commands recv send bench
complete -c netmem -f
complete -c netmem -l help -s h -d 'Print help with examples'
complete -c netmem -n "not __fish_seen_subcommand_from $commands" -l version -d 'Print the version'
complete -c netmem -n "not __fish_seen_subcommand_from $commands" -a recv -d 'Receive connections into pages'
complete -c netmem -n "not __fish_seen_subcommand_from $commands" -a send -d 'Send a file, standard input or seeded bytes'

complete -c netmem -n '__fish_seen_subcommand_from recv' -l listen -x -d 'Where to listen, ADDR:PORT'
complete -c netmem -n '__fish_seen_subcommand_from recv' -l memory -x -a 'memfd:256M udmabuf:256M opencl:256M cuda:0:256M host:256M huge:256M huge_split:256M huge_1g:1G' -d 'Where the bytes go'
complete -c netmem -n '__fish_seen_subcommand_from recv' -l page-size -x -a '4K 8K 16K 32K 64K 128K 256K 512K 1M 2M' -d 'Size of a page'
complete -c netmem -n '__fish_seen_subcommand_from recv' -l landing -x -a 'auto direct staged' -d 'How bytes reach a page'
complete -c netmem -n '__fish_seen_subcommand_from recv' -l output -r -F -d 'Where to write'

complete -c netmem -n '__fish_seen_subcommand_from send' -l connect -x -d 'The receiver, ADDR:PORT'
complete -c netmem -n '__fish_seen_subcommand_from send' -l input -r -F -d 'The file to send'
complete -c netmem -n '__fish_seen_subcommand_from send' -l bytes -x -d 'Send this many bytes made from the seed'
complete -c netmem -n '__fish_seen_subcommand_from send' -l seed -x -d 'Seed of the bytes'

complete -c netmem -n "not __fish_seen_subcommand_from $commands" -a bench -d 'Measure the page pool'
complete -c netmem -n '__fish_seen_subcommand_from bench' -l filter -x -d 'Only loops that match this regular expression'
complete -c netmem -n '__fish_seen_subcommand_from bench' -l list -d 'Print the loops'
complete -c netmem -n '__fish_seen_subcommand_from bench' -l time -x -d 'How many milliseconds a repetition takes'
complete -c netmem -n '__fish_seen_subcommand_from bench' -l loops -x -d 'Elements in each repetition'
complete -c netmem -n '__fish_seen_subcommand_from bench' -l repetitions -x -d 'How often each loop is measured'
complete -c netmem -n '__fish_seen_subcommand_from bench' -l format -x -a 'table kernel' -d 'How figures are printed'
complete -c netmem -n '__fish_seen_subcommand_from bench' -l json -r -F -d 'Write every figure to this file'
complete -c netmem -n '__fish_seen_subcommand_from bench' -l report -r -F -d 'Draw them on a page of HTML'
complete -c netmem -n '__fish_seen_subcommand_from bench' -l picture -r -F -d 'Draw the most important ones as SVG'
complete -c netmem -n '__fish_seen_subcommand_from bench' -l experiment -r -F -d 'Figures of bench/regression-experiment'
complete -c netmem -n '__fish_seen_subcommand_from bench' -l from -r -F -d 'Show the figures in this file'

for command in recv send
    complete -c netmem -n "__fish_seen_subcommand_from $command" -l connections -x -d 'How many connections'
    complete -c netmem -n "__fish_seen_subcommand_from $command" -l digest -x -a 'xxh3 sha256 none' -d 'Digest of each connection'
    complete -c netmem -n "__fish_seen_subcommand_from $command" -l json -d 'Print the summary as JSON'
end
