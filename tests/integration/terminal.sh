# The progress line: on a terminal at most ten times a second, elsewhere never.
. "$(dirname "$0")/common.sh"
need python3

cat >"$work/terminal.py" <<'PYTHON'
import os, pty, re, socket, subprocess, sys, threading, time

netmem = sys.argv[1]
FRAME = re.compile(rb"\r\d[^\r]*/s, -?\d+ pages in flight\x1b\[K")

def read_all(fd, seen):
    try:
        while data := os.read(fd, 4096):
            seen += data
    except OSError:  # the other end of a pty is gone
        pass

def transfer(read_fd, write_fd, until):
    begin = time.monotonic()
    recv = subprocess.Popen([netmem, "recv", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=write_fd)
    os.close(write_fd)
    seen = bytearray()
    reader = threading.Thread(target=read_all, args=(read_fd, seen))
    reader.start()
    while not (port := re.search(rb"listening on 127.0.0.1:(\d+)\r?\n", seen)):
        time.sleep(0.01)
    with socket.create_connection(("127.0.0.1", int(port[1]))) as peer:
        while not until(seen):
            peer.sendall(bytes(10000))
    out, _ = recv.communicate()
    seconds = time.monotonic() - begin
    reader.join()
    assert recv.returncode == 0, recv.returncode
    assert b"received" in out and b"\r" not in out, out
    return bytes(seen), seconds

master, slave = pty.openpty()
seen, seconds = transfer(master, slave, lambda seen: len(FRAME.findall(bytes(seen))) >= 5)
frames = len(FRAME.findall(seen))
print(f"terminal: {frames} lines in {seconds:.2f} s")
assert frames >= 5
assert frames <= seconds * 10 + 1, "more than ten a second"
assert seen.endswith(b"\r\x1b[K"), "the line is not taken away at the end"

end = time.monotonic() + 0.5
seen, _ = transfer(*os.pipe(), lambda seen: time.monotonic() > end)
assert b"\r" not in seen and seen.count(b"\n") == 1, seen
print("no terminal: nothing")
PYTHON

timeout "$limit" python3 "$work/terminal.py" "$netmem" || fail "see above"
