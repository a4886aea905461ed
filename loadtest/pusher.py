"""Pushes small images over one connection for some seconds, and prints how many: pusher.py HOST:PORT REPOSITORY SECONDS.

An image is a config, layers of random bytes, and a manifest under a tag of its own. Each blob takes a HEAD, a POST and a PUT,
like those of containerd. Requests are written and answers are read as plain bytes, which costs less than a library does.
"""

import hashlib
import json
import os
import socket
import sys
import time
import urllib.parse

from rate import TYPE

LAYERS, SIZE = 3, 2000


class Connection:
    """One kept-alive connection that sends a request and waits for its answer."""

    def __init__(self, netloc):
        self.netloc = netloc
        host, port = netloc.split(":")
        self.socket = socket.create_connection((host, int(port)), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, status, method, path, body=b"", kind="application/octet-stream"):
        """Returns the head of the answer in lower-case bytes, unless its status is another."""
        head = (f"{method} {path} HTTP/1.1\r\nHost: {self.netloc}\r\nContent-Type: {kind}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n")
        self.socket.sendall(head.encode() + body)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.receive()
        head, _, rest = answer.partition(b"\r\n\r\n")
        length = 0 if method == "HEAD" else int(field(head, b"content-length") or 0)
        while len(rest) < length:
            rest += self.receive()
        if not head.startswith(b"HTTP/1.1 %d" % status):
            sys.exit(f"{method} {path}: {head[:200]!r} {rest[:300]!r}")
        return head

    def receive(self):
        piece = self.socket.recv(64 << 10)
        if not piece:
            sys.exit("the server ended the connection")
        return piece

    def push(self, repository, tag):
        parts = [self.blob(repository, os.urandom(SIZE)) for _ in range(1 + LAYERS)]
        image = {"schemaVersion": 2, "mediaType": TYPE, "config": parts[0], "layers": parts[1:]}
        self.ask(201, "PUT", f"/v2/{repository}/manifests/{tag}", json.dumps(image).encode(), TYPE)

    def blob(self, repository, body):
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        self.ask(404, "HEAD", f"/v2/{repository}/blobs/{digest}")
        location = field(self.ask(202, "POST", f"/v2/{repository}/blobs/uploads/"), b"location").decode()
        parts = urllib.parse.urlsplit(location)
        query = f"{parts.query}&" if parts.query else ""
        self.ask(201, "PUT", f"{parts.path}?{query}digest={digest}", body)
        return {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest, "size": len(body)}


def field(head, name):
    for line in head.split(b"\r\n"):
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip()
    return None


def main():
    netloc, repository, seconds = sys.argv[1:]
    connection, count, until = Connection(netloc), 0, time.monotonic() + float(seconds)
    while time.monotonic() < until:
        connection.push(repository, f"t{os.getpid()}.{count}")
        count += 1
    print(count)


if __name__ == "__main__":
    main()
