"""What the tests of deploy/ share: running programs, a PostgreSQL and a Kubo like those of a deployment.

Everything listens on 127.0.0.1 only, and what is started here ends with the test.
"""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("AF_REGISTRY_CACHE") or pathlib.Path.home() / ".cache/af-registry")
NAME, PATIENCE = pathlib.Path(sys.argv[0]).name, 90


def step(text):
    print(f"{NAME}: {text}", flush=True)


def fail(text):
    sys.exit(f"{NAME}: {text}")


def run(*words, **more):
    """Runs a program and returns its output. A failure ends the test with what the program said."""
    done = subprocess.run([str(word) for word in words], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, **more)
    if done.returncode:
        fail(f"{' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout[-1500:]}{done.stderr[-3000:]}")
    return done.stdout.strip()


def port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def until(what, check):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            if found := check():
                return found
        time.sleep(0.3)
    fail(f"{what}: not within {PATIENCE} s")


class Programs:
    """What runs beside the test, and ends with it, the last first."""

    def __init__(self, scratch):
        self.scratch, self.running = scratch, []

    def start(self, name, *words, **more):
        with (self.scratch / f"{name}.log").open("w") as log:
            self.running.append(subprocess.Popen([str(word) for word in words], stdin=subprocess.DEVNULL, stdout=log, stderr=log, **more))
        return self.running[-1]

    def end(self):
        for process in reversed(self.running):
            process.terminate()
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def postgres(programs):
    """A PostgreSQL with a password and without TLS, as deployments have one. Returns its port."""
    binaries = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
    top, listen = programs.scratch / "postgres", port()
    top.mkdir()
    (top / "password").write_text("postgres\n")
    shutil.chown(top, "postgres")
    shutil.chown(top / "password", "postgres")
    as_postgres = ["runuser", "-u", "postgres", "--"]
    run(*as_postgres, binaries / "initdb", "-D", top / "data", "-U", "postgres", "-A", "scram-sha-256", f"--pwfile={top}/password", "--no-sync", "-E", "UTF8", cwd="/")
    programs.start("postgres", "setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", binaries / "postgres", "-D", top / "data", "-p", listen,
                   "-k", top, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", cwd="/")
    create = ["psql", "-h", "127.0.0.1", "-p", str(listen), "-U", "postgres", "-c", "create database open_registry"]
    until("PostgreSQL answers", lambda: subprocess.run(create, env=os.environ | {"PGPASSWORD": "postgres"}, capture_output=True, check=False).returncode == 0)
    return listen


def kubo(programs):
    """A Kubo, offline. Returns the ports of its RPC API and of its gateway."""
    env = os.environ | {"IPFS_PATH": str(programs.scratch / "ipfs"), "PATH": f"{CACHE}/bin:{os.environ['PATH']}"}
    api, gateway = port(), port()
    run("ipfs", "init", "--profile=server", env=env)
    for name, value in (("API", api), ("Gateway", gateway)):
        run("ipfs", "config", f"Addresses.{name}", f"/ip4/127.0.0.1/tcp/{value}", env=env)
    run("ipfs", "config", "--json", "Gateway.NoFetch", "true", env=env)
    programs.start("kubo", "ipfs", "daemon", "--offline", env=env)
    ask = urllib.request.Request(f"http://127.0.0.1:{api}/api/v0/version", method="POST")
    until("Kubo answers", lambda: urllib.request.urlopen(ask, timeout=2).status == 200)
    return api, gateway


@contextlib.contextmanager
def programs():
    """A folder for programs that end with the test."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    scratch = pathlib.Path(tempfile.mkdtemp(prefix=f"af-{NAME}-"))
    # PostgreSQL runs as another user, who must be able to enter the folder.
    scratch.chmod(0o711)
    started = Programs(scratch)
    try:
        yield started
    finally:
        started.end()
        shutil.rmtree(scratch, ignore_errors=True)
