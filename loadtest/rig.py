"""What the load tests share: a registry with its own PostgreSQL and Kubo, clocks, curl, and the output of figures.

Everything uses 127.0.0.1 only. Every process that is started here is ended here, by its pid.
"""

import argparse
import contextlib
import glob
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

TICK = os.sysconf("SC_CLK_TCK")
MIB = 1 << 20
GIB = 1 << 30
HERE = os.path.dirname(os.path.abspath(__file__))


def arguments(description):
    """Returns a parser with the options that all load tests have."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--server", metavar="FILE", help="release build to start [target/release/af-registry]")
    parser.add_argument("--dir", metavar="PATH", help="folder for the temporary data directory [TMPDIR]")
    parser.add_argument("--pid", type=int, help="measure this running server instead of starting one")
    parser.add_argument("--registry", default="http://127.0.0.1:5000", help="its address, with --pid")
    parser.add_argument("--kubo-pid", type=int, help="its Kubo, with --pid")
    parser.add_argument("--kubo-api", help="address of its Kubo's RPC API, with --pid")
    parser.add_argument("--kubo-gateway", help="address of its Kubo's gateway, with --pid")
    return parser


class Rig:
    """A registry to measure: its address, its pid, those of its Kubo, and the address of its metrics."""

    def __init__(self, registry, pid, kubo_pid=None, api=None, gateway=None, scratch=None, metrics=None):
        for address in filter(None, (registry, api, gateway)):
            local = address.startswith("unix://")
            if not local and urllib.parse.urlsplit(address).hostname not in ("127.0.0.1", "localhost", "::1"):
                sys.exit(f"{address}: only a server on this machine is measured")
        self.registry, self.pid = registry, pid
        self.kubo_pid, self.api, self.gateway, self.scratch = kubo_pid, api, gateway, scratch
        self.metrics = metrics

    def clock(self):
        return Clock(self.pid, self.kubo_pid)


@contextlib.contextmanager
def folder(options):
    """Makes a temporary folder for servers, and deletes it at the end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    scratch = tempfile.mkdtemp(prefix="af-load-", dir=options.dir)
    # For root PostgreSQL runs as another user, who must be able to enter the directory.
    os.chmod(scratch, 0o711)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextlib.contextmanager
def rig(options, **settings):
    """Starts a registry in a temporary directory, or takes the one that the options name.

    `settings` are variables of its environment, without OPEN_REGISTRY_. OTEL_* and RUST_LOG have their
    whole names.
    """
    with folder(options) as scratch:
        if options.pid and not settings:
            yield Rig(options.registry, options.pid, options.kubo_pid, options.kubo_api,
                      options.kubo_gateway, scratch)
        else:
            with started(options, scratch, settings) as running:
                yield running


@contextlib.contextmanager
def started(options, scratch, settings):
    program = options.server or os.path.join(HERE, "..", "target", "release", "af-registry")
    if not os.path.exists(program):
        sys.exit(f"{program} does not exist; run cargo build --release")
    data = os.path.join(scratch, "data")
    cached = os.path.expanduser("~/.cache/af-registry/bin")
    env = {name: value for name, value in os.environ.items() if not name.startswith("OPEN_REGISTRY_")}
    env.pop("RUST_LOG", None)
    env |= {
        "PATH": cached + os.pathsep + env.get("PATH", ""),
        "OPEN_REGISTRY_DATA_DIR": data,
        "OPEN_REGISTRY_PORT": "0",
        "OPEN_REGISTRY_METRICS_PORT": "0",
        "OPEN_REGISTRY_LOG_FORMAT": "json",
    }
    env |= {name if name.startswith(("OTEL_", "RUST_LOG")) else f"OPEN_REGISTRY_{name}": value for name, value in settings.items()}
    server = subprocess.Popen([program], env=env, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        address, metrics = listening(server)
        kubo = [pid for pid in children(server.pid) if name_of(pid) == "ipfs"]
        with open(os.path.join(data, "ipfs", "config"), encoding="utf-8") as file:
            addresses = json.load(file)["Addresses"]
        api, gateway = (addresses[which].replace("/unix", "unix://", 1) for which in ("API", "Gateway"))
        scheme = "https" if "TLS_CERT_FILE" in settings else "http"
        yield Rig(f"{scheme}://{address}", server.pid, kubo[0], api, gateway, scratch, metrics)
    finally:
        server.terminate()
        try:
            server.wait(90)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def psql(data, sql):
    """Executes statements in the private PostgreSQL of a data directory."""
    program = shutil.which("psql") or max(glob.glob("/usr/lib/postgresql/*/bin/psql"), default="psql")
    socket = os.path.join(data, "run")
    command = [program, "-h", socket, "-U", "af_registry", "-d", "af_registry", "-q", "-v", "ON_ERROR_STOP=1"]
    subprocess.run(command, input=sql, text=True, check=True)


def reach(address, path):
    """Returns the arguments of curl for a path on a server, which may listen on a unix socket."""
    if address.startswith("unix://"):
        return ["--unix-socket", address.removeprefix("unix://"), "http://127.0.0.1" + path]
    return [address + path]


def listening(server):
    """Waits for the addresses of the server, for clients and of the metrics. Then reads and discards its log, so that the pipe never fills."""
    seen = []
    for line in server.stderr:
        seen.append(line)
        with contextlib.suppress(ValueError, AttributeError):
            entry = json.loads(line)
            if entry.get("event") == "listening":
                threading.Thread(target=discard, args=(server.stderr.fileno(),), daemon=True).start()
                return entry["address"], entry["metrics"]
    sys.exit("the server did not start:\n" + "".join(seen[-20:]))


def discard(pipe):
    """Reads to the end in large pieces, because reading lines would cost as much CPU as a small request."""
    with contextlib.suppress(OSError):
        while os.read(pipe, MIB):
            pass


def stat(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        return file.read().rpartition(")")[2].split()


def name_of(pid):
    with open(f"/proc/{pid}/comm", encoding="utf-8") as file:
        return file.read().strip()


def children(parent):
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if int(stat(pid)[1]) == parent:
                found.append(int(pid))
    return found


def cpu(pid):
    """Returns the user and system seconds of a process so far."""
    fields = stat(pid)
    return (int(fields[11]) + int(fields[12])) / TICK


def machine():
    """Returns the busy seconds of all cores so far, without idle time and waiting for a disk."""
    with open("/proc/stat", encoding="utf-8") as file:
        fields = [int(field) for field in file.readline().split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / TICK


class Clock:
    """Measures wall time, and CPU seconds of the server, of its Kubo and of the machine."""

    def __init__(self, *pids):
        self.pids = pids

    def read(self):
        return (time.monotonic(), *(cpu(pid) if pid else 0.0 for pid in self.pids), machine())

    def time(self, action):
        before = self.read()
        action()
        return [after - was for was, after in zip(before, self.read())]


def curl(*words):
    """Runs curl and returns its output. Any status but 2xx ends the test."""
    done = subprocess.run(["curl", "-sS", "--fail-with-body", "--max-time", "900", *words],
                          stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"curl {' '.join(words)}: exit {done.returncode}: {done.stdout}")
    return done.stdout


def begin_upload(registry, blobs, *words):
    """Begins an upload and returns its address. `blobs` is the path of the blobs of a repository."""
    headers = curl(*words, "-D", "-", "-o", "/dev/null", "-X", "POST", f"{registry}{blobs}uploads/")
    location = next(line.split(": ", 1)[1].strip() for line in headers.splitlines()
                    if line.lower().startswith("location:"))
    return urllib.parse.urljoin(registry, location)


def closing(upload, digest):
    """Returns the address of the PUT that ends an upload."""
    return upload + ("&" if "?" in upload else "?") + f"digest={digest}"


def certificate(folder):
    """Makes a self-signed certificate for 127.0.0.1 (ECDSA P-256), and its key. Returns the paths of both."""
    cert, key = os.path.join(folder, "tls.crt"), os.path.join(folder, "tls.key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=load", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", key, "-out", cert], check=True, stderr=subprocess.DEVNULL)
    return cert, key


def percentile(values, share):
    """Returns the value that this share of all values does not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def medians(rows):
    return [statistics.median(column) for column in zip(*rows)]


def spread(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f}..{max(values):.2f})"


def memory(pid, field):
    """Returns a size from /proc/<pid>/status, in MiB."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        for line in file:
            if line.startswith(field + ":"):
                return int(line.split()[1]) / 1024
    return 0.0


def forget_peak(pid):
    """Resets VmHWM to the present size (proc(5), clear_refs)."""
    with open(f"/proc/{pid}/clear_refs", "w", encoding="utf-8") as file:
        file.write("5")
