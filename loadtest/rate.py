"""Rates of small requests over kept-alive connections, by `wrk` or by clients of our own.

Of our own clients a thread per connection writes prepared bytes and reads answers of a known length. `measure` times each request. It is
in Python and needs more CPU than the server, so only ratios within one run and the CPU of the server per request have a meaning.
`pipelined` only counts. It sends many requests at once and lets the kernel wait for all answers, and so needs less CPU than `wrk`.
"""

import hashlib
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

from rig import HERE, cpu

TYPE = "application/vnd.oci.image.manifest.v1+json"
TAG = "/v2/load/manifests/manifests/latest"
# Requests that `pipelined` sends at once over one connection.
DEPTH = 32


def wrk(url, connections, seconds, **environment):
    """Lets `wrk` send GETs from one thread. Returns what wrk.lua, which reads `environment`, says of them."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}", "-H", f"Accept: {TYPE}", "-s", os.path.join(HERE, "wrk.lua"), url]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=os.environ | environment)
    figures = json.loads(done.stdout.splitlines()[-1])
    if figures["failed"]:
        sys.exit(done.stdout)
    return figures


def fill(address, authorization=None, tags=0):
    """Pushes an image under `TAG`, and others under `tags` more tags, t0, t1, ... Its config is also each of its layers."""
    login = {"Authorization": authorization} if authorization else {}
    connection = http.client.HTTPConnection(address, timeout=60)

    def call(method, path, body, kind="application/octet-stream"):
        connection.request(method, path, body, {"Content-Type": kind} | login)
        response = connection.getresponse()
        response.read()
        if response.status != 201:
            sys.exit(f"{method} {path}: {response.status}")

    blob = b"{}"
    digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
    call("POST", f"/v2/load/manifests/blobs/uploads/?digest={digest}", blob)
    part = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest, "size": len(blob)}
    manifest = {"schemaVersion": 2, "mediaType": TYPE, "config": part, "layers": [part] * 12}
    call("PUT", TAG, json.dumps(manifest), TYPE)
    for n in range(tags):
        manifest["annotations"] = {"number": str(n)}
        call("PUT", TAG.replace("latest", f"t{n}"), json.dumps(manifest), TYPE)


def drive(host, port, path, authorization, until, times):
    login = f"Authorization: {authorization}\r\n" if authorization else ""
    request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: {TYPE}\r\n{login}\r\n".encode()
    with socket.create_connection((host, port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        length = 0
        while (began := time.perf_counter()) < until:
            connection.sendall(request)
            answer = connection.recv(64 << 10)
            if not answer.startswith(b"HTTP/1.1 200"):
                sys.exit(f"{path}: {answer[:200]!r}")
            # Every answer is as long as the first one.
            length = length or whole(answer, "GET")
            while len(answer) < length:
                answer += connection.recv(64 << 10)
            times.append(time.perf_counter() - began)


def whole(answer, method):
    head, _, _ = answer.partition(b"\r\n\r\n")
    if method == "HEAD":
        return len(head) + 4
    lines = [line.lower() for line in head.split(b"\r\n")]
    return len(head) + 4 + next(int(line[15:]) for line in lines if line.startswith(b"content-length:"))


def measure(running, path, threads, seconds, authorization=None):
    """Returns [requests per second, p50 in ms, p99 in ms, CPU of the server in µs per request]."""
    url = urllib.parse.urlsplit(running.registry)
    times, began, before = [], time.perf_counter(), cpu(running.pid)
    drivers = [threading.Thread(target=drive, args=(url.hostname, url.port, path, authorization, began + seconds, times))
               for _ in range(threads)]
    for driver in drivers:
        driver.start()
    for driver in drivers:
        driver.join()
    took, spent = time.perf_counter() - began, cpu(running.pid) - before
    cuts = statistics.quantiles(times, n=100)
    return [len(times) / took, cuts[49] * 1e3, cuts[98] * 1e3, spent / len(times) * 1e6]


def pipelined(running, method, path, connections, seconds):
    """Returns [requests per second, CPU of the server in µs per request]."""
    url = urllib.parse.urlsplit(running.registry)
    request = f"{method} {path} HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n".encode()
    began, before = time.perf_counter(), cpu(running.pid)

    def send(_):
        with socket.create_connection((url.hostname, url.port), timeout=60) as connection:
            connection.sendall(request)
            # Every answer is as long as the first one.
            size = whole(connection.recv(64 << 10), method) * DEPTH
            answers, count = bytearray(size), 1
            # With a time limit Python waits before it reads, and the kernel ends that wait when all have come.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, size)
            while time.perf_counter() < began + seconds:
                connection.sendall(request * DEPTH)
                if connection.recv_into(answers) < size or answers.count(b"HTTP/1.1 200 ") < DEPTH:
                    raise RuntimeError(f"{method} {path}: {answers[:200]!r}")
                count += DEPTH
            return count

    with ThreadPoolExecutor(connections) as threads:
        requests = sum(threads.map(send, range(connections)))
    return [requests / (time.perf_counter() - began), (cpu(running.pid) - before) / requests * 1e6]
