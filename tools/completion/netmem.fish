# Completion of netmem for fish.

set -l commands recv send echo bench
complete -c netmem -f
complete -c netmem -l help -s h -d 'Print help with examples'
complete -c netmem -n "not __fish_seen_subcommand_from $commands" -l version -d 'Print the version'
complete -c netmem -n "not __fish_seen_subcommand_from $commands" -a recv -d 'Receive connections, or packets, into pages'
complete -c netmem -n "not __fish_seen_subcommand_from $commands" -a send -d 'Send a file, standard input or seeded bytes'

complete -c netmem -n '__fish_seen_subcommand_from recv' -l listen -x -d 'Where to listen, ADDR:PORT'
complete -c netmem -n '__fish_seen_subcommand_from recv' -l memory -x -a 'memfd:256M udmabuf:256M opencl:256M cuda:0:256M host:256M huge:256M huge_split:256M huge_1g:1G' -d 'Where the bytes go'
complete -c netmem -n '__fish_seen_subcommand_from recv' -l page-size -x -a '4K 8K 16K 32K 64K 128K 256K 512K 1M 2M 4M 8M 16M 32M 64M 128M 256M 512M 1G' -d 'Size of a page'
complete -c netmem -n '__fish_seen_subcommand_from recv' -l landing -x -a 'auto direct staged' -d 'How bytes reach a page'
complete -c netmem -n '__fish_seen_subcommand_from recv' -l placement -x -a 'pages contiguous' -d 'Where in the pages'
complete -c netmem -n '__fish_seen_subcommand_from recv' -l message -x -d 'Bytes of a message, in one piece'
complete -c netmem -n '__fish_seen_subcommand_from recv' -l timeout -x -a '30s 5m' -d 'End a connection that sends nothing for so long'
complete -c netmem -n '__fish_seen_subcommand_from recv' -l message-timeout -x -a '30s 5m' -d 'End a connection whose message takes longer'
complete -c netmem -n '__fish_seen_subcommand_from recv' -l output -r -F -d 'Where to write'

complete -c netmem -n '__fish_seen_subcommand_from send' -l connect -x -d 'The receiver, ADDR:PORT'
complete -c netmem -n '__fish_seen_subcommand_from send' -l input -r -F -d 'The file to send'
complete -c netmem -n '__fish_seen_subcommand_from send' -l bytes -x -d 'Send this many bytes made from the seed'
complete -c netmem -n '__fish_seen_subcommand_from send' -l seed -x -d 'Seed of the bytes'

complete -c netmem -n "not __fish_seen_subcommand_from $commands" -a echo -d 'Send datagrams back to where they came from'
complete -c netmem -n '__fish_seen_subcommand_from echo' -l json -d 'Print the summary as JSON'
for command in recv echo
    complete -c netmem -n "__fish_seen_subcommand_from $command" -l interface -x -a '(ls /sys/class/net)' -d 'A network interface'
    complete -c netmem -n "__fish_seen_subcommand_from $command" -l udp -x -d 'Datagrams to this port'
    complete -c netmem -n "__fish_seen_subcommand_from $command" -l queue -x -a 'all 0' -d 'A queue of the interface'
    complete -c netmem -n "__fish_seen_subcommand_from $command" -l count -x -d 'End after so many packets'
    complete -c netmem -n "__fish_seen_subcommand_from $command" -l frames -x -a 'host:16M huge:16M huge_1g:1G' -d 'Host memory for the frames of each queue'
    complete -c netmem -n "__fish_seen_subcommand_from $command" -l chunk -x -a '2K 4K' -d 'Bytes of the buffer for a frame'
    complete -c netmem -n "__fish_seen_subcommand_from $command" -l mode -x -a 'auto native generic' -d 'Where the XDP program runs'
    complete -c netmem -n "__fish_seen_subcommand_from $command" -l zero-copy -x -a 'auto on off' -d 'Whether the driver writes the frames'
    complete -c netmem -n "__fish_seen_subcommand_from $command" -l busy-poll -d 'The receiving threads drive the driver'
end
complete -c netmem -n '__fish_seen_subcommand_from recv' -l tcp-sniff -x -d 'Segments to this port'
complete -c netmem -n '__fish_seen_subcommand_from recv' -l any -d 'Every frame'
complete -c netmem -n '__fish_seen_subcommand_from recv' -l split -x -a 'on off' -d 'Payload goes to other memory than headers'
complete -c netmem -n '__fish_seen_subcommand_from recv' -l coalesce -x -d 'Microseconds that frames may gather'
complete -c netmem -n '__fish_seen_subcommand_from recv' -l pcap -r -F -d 'Write whole frames to a capture'

complete -c netmem -n '__fish_seen_subcommand_from send' -l udp -x -d 'The receiver of datagrams, ADDR:PORT'
complete -c netmem -n '__fish_seen_subcommand_from send' -l timeout -x -a '30s 5m' -d 'Give up when the receiver takes nothing for so long'
complete -c netmem -n '__fish_seen_subcommand_from send' -l rate -x -d 'Datagrams a second'
complete -c netmem -n '__fish_seen_subcommand_from send' -l size -x -d 'Bytes in each datagram'
complete -c netmem -n '__fish_seen_subcommand_from send' -l count -x -d 'Datagrams to send at most'

complete -c netmem -n "not __fish_seen_subcommand_from $commands" -a bench -d 'Measure the page pool'
complete -c netmem -n '__fish_seen_subcommand_from bench' -l filter -x -d 'Only loops that match this regular expression'
complete -c netmem -n '__fish_seen_subcommand_from bench' -l all -d 'Every loop, not just a dozen'
complete -c netmem -n '__fish_seen_subcommand_from bench' -l list -d 'Print the loops'
complete -c netmem -n '__fish_seen_subcommand_from bench' -l time -x -d 'How many milliseconds a repetition takes'
complete -c netmem -n '__fish_seen_subcommand_from bench' -l loops -x -d 'Elements in each repetition'
complete -c netmem -n '__fish_seen_subcommand_from bench' -l repetitions -x -d 'How often each loop is measured'
complete -c netmem -n '__fish_seen_subcommand_from bench' -l format -x -a 'table kernel' -d 'How figures are printed'
complete -c netmem -n '__fish_seen_subcommand_from bench' -l json -r -F -d 'Write every figure to this file'
complete -c netmem -n '__fish_seen_subcommand_from bench' -l from -r -F -d 'Show the figures in this file'

for command in recv send
    complete -c netmem -n "__fish_seen_subcommand_from $command" -l connections -x -d 'How many connections'
    complete -c netmem -n "__fish_seen_subcommand_from $command" -l digest -x -a 'xxh3 sha256 crc32c none' -d 'Digest of each connection'
    complete -c netmem -n "__fish_seen_subcommand_from $command" -l json -d 'Print the summary as JSON'
end
