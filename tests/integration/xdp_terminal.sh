# The progress line of packets: packets, rates and drops by name, on a terminal at most ten times a second, elsewhere never.
. "$(dirname "$0")/common.sh"
. "$(dirname "$0")/namespaces.sh"
need_xdp
make_pair 1500 1

cat >"$work/terminal.py" <<'PYTHON'
import os, pty, re, signal, subprocess, sys, threading, time

netmem, far, near = sys.argv[1:]
FRAME = re.compile(rb"\r(\d+) packets, \d+ packets/s, [^\r]*/s, ([^\r]*)\x1b\[K")

def read_all(fd, seen):
    try:
        while data := os.read(fd, 4096):
            seen += data
    except OSError:  # the other end of a pty is gone
        pass

def receive(read_fd, write_fd, frames, until):
    begin = time.monotonic()
    recv = subprocess.Popen(["ip", "netns", "exec", far, netmem, "recv", "--interface", "far0", "--udp", "9000",
                             "--memory", "memfd:4K", "--frames", frames], stdout=subprocess.PIPE, stderr=write_fd)
    os.close(write_fd)
    seen = bytearray()
    reader = threading.Thread(target=read_all, args=(read_fd, seen))
    reader.start()
    while b"receiving on" not in seen:
        assert recv.poll() is None, bytes(seen)
        time.sleep(0.01)
    while not until(bytes(seen)):
        subprocess.run(["ip", "netns", "exec", near, netmem, "send", "--udp", "10.99.0.2:9000", "--count", "200",
                        "--size", "1400"], check=True, stdout=subprocess.DEVNULL)
    recv.send_signal(signal.SIGINT)
    out, _ = recv.communicate()
    seconds = time.monotonic() - begin
    reader.join()
    assert recv.returncode == 0, (recv.returncode, out)
    assert b"received" in out and b"\r" not in out, out
    return bytes(seen), seconds

# One page of device memory for packets that come many at once: some are lost, and the line says why.
seen, seconds = receive(*pty.openpty(), "host:1M", lambda seen: len(FRAME.findall(seen)) >= 5 and b"no_device_page" in seen)
frames = FRAME.findall(seen)
print(f"terminal: {len(frames)} lines in {seconds:.2f} s, at last {frames[-1]}")
assert len(frames) <= seconds * 10 + 1, "more than ten a second"
assert int(frames[-1][0]) > 0 and any(drops.startswith(b"drops: ") for _, drops in frames)
assert seen.endswith(b"\r\x1b[K"), "the line is not taken away at the end"

stop = time.monotonic() + 0.5
seen, _ = receive(*os.pipe(), "host:1M", lambda seen: time.monotonic() > stop)
assert b"\r" not in seen and seen.count(b"\n") == 1, seen
print("no terminal: nothing")
PYTHON
sink 9000
timeout "$limit" python3 "$work/terminal.py" "$netmem" "$far" "$near" || fail "see above"
