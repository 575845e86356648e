# Both ends of opaque connections, for test/integration/schedules.test.ts. Raw sockets, because node
# cannot tell data followed by a reset from data followed by FIN, and cannot set the size of socket
# buffers. Prints the ports of its servers, then for each schedule (a line of JSON on standard input)
# one line that says what each side sent and saw. Waits are bounded.

import errno
import json
import random
import select
import socket
import struct
import sys
import time

LIMIT_SECONDS = 20
READ_BYTES = 65536
# Every direction is a prefix of one of these: a lost, doubled or moved byte shows wherever it happens.
STREAMS = {
    "client": random.Random(11).randbytes(32 << 20),
    "server": random.Random(12).randbytes(32 << 20),
}
RESETS = (errno.ECONNRESET, errno.EPIPE)


class Side:
    def __init__(self, name, script):
        self.script = script
        self.stream = memoryview(STREAMS[name])
        self.other_stream = memoryview(STREAMS["client" if name == "server" else "server"])
        self.socket = None
        self.steps = list(script["steps"])
        self.sent = 0  # taken by the kernel
        self.wanted = 0  # asked for by the steps so far
        self.wait_turns = 0
        self.paused_turns = 0
        self.finished = False
        self.reset_pending = False
        self.write_failed = False
        self.received = 0
        self.saw = None
        self.problem = None
        self.done_writing = False

    def attach(self, sock):
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = sock

    def over(self):
        return self.socket is None or (self.done_writing and self.saw is not None)

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()
        self.socket = None

    def write(self):
        """One turn of the script. True when something was done."""
        if self.done_writing:
            return False
        if self.wait_turns > 0:
            self.wait_turns -= 1
            return True
        if self.sent < self.wanted:
            return self.push()
        if self.steps:
            step = self.steps.pop(0)
            if step["do"] == "write":
                self.wanted += step["bytes"]
            elif step["do"] == "stop reading":
                self.paused_turns += step["turns"]
            else:
                self.wait_turns = step["turns"]
            return True
        return self.finish()

    def push(self):
        try:
            self.sent += self.socket.send(self.stream[self.sent : self.wanted])
            return True
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in RESETS:
                self.problem = f"send: {error}"
            # The read side says how it ended; the error is kept in case the kernel told it only here.
            self.write_failed = True
            self.done_writing = True
            return True

    def finish(self):
        end = self.script["end"]
        if end == "reset" or self.reset_pending:
            self.reset()
            return True
        self.finished = True
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            if error.errno != errno.ENOTCONN:
                self.problem = f"shutdown: {error}"
        if end == "fin":
            self.done_writing = True
        else:
            self.reset_pending = True
            self.wait_turns = 5
        return True

    def read(self, other):
        """True when something was done."""
        if self.socket is None or self.saw is not None:
            return False
        if self.paused_turns > 0:
            self.paused_turns -= 1
            return True
        try:
            piece = self.socket.recv(READ_BYTES)
        except BlockingIOError:
            return False
        except OSError as error:
            self.saw = "reset"
            if error.errno not in RESETS:
                self.problem = f"recv: {error}"
            return True
        if not piece:
            # After a failed write the kernel has told the reset already.
            self.saw = "reset" if self.write_failed else "fin"
            if self.saw == "fin" and not other.finished:
                self.problem = "FIN came though the other side sent none"
            elif self.saw == "fin" and self.received != other.sent:
                self.problem = f"FIN came after {self.received} of {other.sent} bytes"
            return True
        end = self.received + len(piece)
        if end > other.sent or piece != self.other_stream[self.received : end]:
            self.problem = f"other bytes than were sent, from {self.received} on"
        self.received = end
        return True

    def report(self):
        return {
            "sent": self.sent,
            "received": self.received,
            "saw": self.saw,
            "problem": self.problem,
        }


def small(sock, size):
    if size:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)
    return sock


def listen(size):
    server = small(socket.socket(), size)
    server.bind(("127.0.0.1", 0))
    server.listen(64)
    server.setblocking(False)
    return server


def play(schedule, servers):
    client = Side("client", schedule["client"])
    server = Side("server", schedule["server"])
    near = small(socket.socket(), schedule["client"]["buffers"])
    near.settimeout(LIMIT_SECONDS)
    near.connect(("127.0.0.1", schedule["port"]))
    client.attach(near)
    client.wanted = schedule["early"]
    while client.sent < client.wanted and client.push():
        pass
    listener = servers[schedule["server"]["buffers"]]
    if not select.select([listener], [], [], LIMIT_SECONDS)[0]:
        return {"problem": "the proxy did not dial"}
    server.attach(listener.accept()[0])

    deadline = time.monotonic() + LIMIT_SECONDS
    while not (client.over() and server.over()):
        busy = False
        for side, other in ((client, server), (server, client)):
            if side.socket is not None:
                busy |= side.write()
            busy |= side.read(other)
        if side_problem := client.problem or server.problem:
            return {"problem": side_problem, "client": client.report(), "server": server.report()}
        if time.monotonic() > deadline:
            return {"problem": "not over in time", "client": client.report(), "server": server.report()}
        if not busy:
            wait(client, server)
    for side in (client, server):
        if side.socket is not None:
            side.socket.close()
    return {"problem": None, "client": client.report(), "server": server.report()}


def wait(*sides):
    poller = select.poll()
    for side in sides:
        if side.socket is None:
            continue
        events = select.POLLIN if side.saw is None else 0
        if not side.done_writing and side.sent < side.wanted:
            events |= select.POLLOUT
        if events:
            poller.register(side.socket, events)
    poller.poll(1000)


def main():
    servers = {size: listen(size) for size in (0, 16384)}
    print(json.dumps({str(size): each.getsockname()[1] for size, each in servers.items()}), flush=True)
    for line in sys.stdin:
        print(json.dumps(play(json.loads(line), servers)), flush=True)


main()
