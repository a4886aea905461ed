"""Many clients in one thread: pulls of one layer by all of them at once.

The clients take turns when the kernel has bytes for them, and read into one buffer, so a thousand of them need no more
memory than one. An answer of 503 is counted, and repeated after the time that Retry-After says.
"""

import hashlib
import selectors
import socket
import sys
import time

BUFFER, MOST_HEAD = 1 << 20, 16 << 10


def fields(head):
    """Returns the status of an answer, and its fields by their lower-case names."""
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}


class Client:
    """One connection, the answer that it reads, and the bytes that are still to come."""

    def __init__(self, address, request, hashed):
        self.socket = socket.create_connection(address, timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.request, self.head, self.left, self.status = request, b"", 0, 0
        self.hash = hashlib.sha256() if hashed else None
        self.answer = None

    def send(self):
        # The request is small and the connection has no other, so the kernel takes it at once.
        self.head, self.status = b"", 0
        if self.socket.send(self.request) != len(self.request):
            sys.exit("a request was not taken at once")

    def receive(self, buffer):
        """Reads what there is. Returns the fields of the answer when it has ended."""
        try:
            count = self.socket.recv_into(buffer)
        except BlockingIOError:
            return None
        if not count:
            sys.exit(f"the server ended the connection {self.left} bytes before the end")
        body = buffer[:count]
        if not self.status:
            self.head += bytes(body)
            head, found, rest = self.head.partition(b"\r\n\r\n")
            if not found:
                return None if len(head) < MOST_HEAD else sys.exit("the head of an answer does not end")
            self.status, self.answer = fields(head)
            self.left, body = int(self.answer.get("content-length", 0)), rest
        if self.hash and self.status == 200:
            self.hash.update(body)
        self.left -= len(body)
        if self.left:
            return None
        return self.answer


class Crowd:
    """Clients that are connected to one server."""

    def __init__(self, netloc, clients, request, hashed=0):
        """The first `hashed` clients compute the digest of what they read."""
        self.refused = 0
        host, port = netloc.split(":")
        self.selector, self.buffer = selectors.DefaultSelector(), memoryview(bytearray(BUFFER))
        self.clients = [Client((host, int(port)), request, number < hashed) for number in range(clients)]
        for one in self.clients:
            self.selector.register(one.socket, selectors.EVENT_READ, one)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for one in self.clients:
            one.socket.close()
        self.selector.close()

    def answers(self, seconds):
        """Yields each client when its answer has ended, until the time is up."""
        until, late = time.perf_counter() + seconds, []
        while (now := time.perf_counter()) < until:
            for one in [one for due, one in late if due <= now]:
                one.send()
            late = [pair for pair in late if pair[0] > now]
            for key, _ in self.selector.select(0.1):
                one = key.data
                answer = one.receive(self.buffer)
                if answer is None:
                    continue
                if one.status == 503:
                    self.refused += 1
                    late.append((time.perf_counter() + float(answer.get("retry-after", 1)), one))
                elif one.status != 200:
                    sys.exit(f"{one.request.split(b' HTTP')[0].decode()}: {one.status}")
                else:
                    # Nothing more is asked on this connection, and the server may end it while others still read.
                    self.selector.unregister(one.socket)
                    yield one


def pull(netloc, path, clients, size, limit=600, hashed=1):
    """Lets all clients pull a blob at the same moment. Returns the seconds until each one was done, and how many answers
    were 503. The digest at the end of the path is compared with what the first `hashed` clients have read.
    """
    done = []
    request = f"GET {path} HTTP/1.1\r\nHost: {netloc}\r\n\r\n".encode()
    with Crowd(netloc, clients, request, hashed) as crowd:
        began = time.perf_counter()
        for one in crowd.clients:
            one.send()
        for one in crowd.answers(limit):
            if int(one.answer["content-length"]) != size:
                sys.exit(f"{path}: {one.answer['content-length']} bytes instead of {size}")
            if one.hash and not path.endswith(one.hash.hexdigest()):
                sys.exit("the pulled bytes are not those that were pushed")
            done.append(time.perf_counter() - began)
            if len(done) == clients:
                return done, crowd.refused
    sys.exit(f"{clients - len(done)} of {clients} clients had not ended after {limit} s")
