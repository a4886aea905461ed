"""The programs that `compare` measures side by side: the reference implementation, and a registry with its Kubo.

Each is started on 127.0.0.1 over a folder of its own and ended by its pid. It can be stopped and started again over the
same folder, with none of its files in the page cache.
"""

import contextlib
import hashlib
import http.client
import json
import os
import socket
import subprocess
import sys
import time
import urllib.parse

from layer import ADD
from rate import TYPE
from rig import begin_upload, children, closing, name_of, psql, reach, stat, started, TICK

CACHE = os.environ.get("AF_REGISTRY_CACHE") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "af-registry")
REPOSITORY = "load/compare"
# Options of the reference implementation: no log, no traces, no deletion, and the cache that its shipped example has.
CONFIG = """
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage:
  filesystem: {{rootdirectory: {root}}}
  cache: {{blobdescriptor: inmemory}}
  delete: {{enabled: false}}
  maintenance: {{uploadpurging: {{enabled: false}}}}
http: {{addr: "{address}"}}
"""


def tree(pid):
    """Returns a process and all its descendants."""
    found = [pid]
    for child in children(pid):
        found += tree(child)
    return found


def spent(pid):
    """Returns CPU seconds of a process, and of those of its children that have ended."""
    with contextlib.suppress(OSError):
        return sum(int(field) for field in stat(pid)[11:15]) / TICK
    return 0.0


def evict(folder):
    """Drops the files below a folder from the page cache. Works for any user, and leaves other files where they are."""
    os.sync()
    for where, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                file = os.open(os.path.join(where, name), os.O_RDONLY | os.O_NONBLOCK)
                try:
                    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
                finally:
                    os.close(file)


def manifest(number):
    """Returns a manifest of the usual size that no other number has."""
    part = {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": f"sha256:{number:064x}", "size": 2048}
    return json.dumps({"schemaVersion": 2, "mediaType": TYPE, "config": part, "layers": [part] * 6}).encode()


class Registry:
    """What both registries have in common: an address, a repository, pushes and pulls by curl."""

    address = held = None

    def push(self, layers):
        """Pushes the layers at the same time, each as one PUT with Content-Length."""
        many(["-H", "Content-Type: application/octet-stream", "-H", "Expect:", "-T", layer.path,
              self.upload(layer.digest)] for layer in layers)
        self.held = layers[-1].digest

    def upload(self, digest):
        """Begins an upload and returns the address for the closing PUT."""
        return closing(begin_upload(self.address, f"/v2/{REPOSITORY}/blobs/"), digest)

    def source(self):
        """Returns where curl gets the layer that was pushed last."""
        return [f"{self.address}/v2/{REPOSITORY}/blobs/{self.held}"]

    def tags(self, count):
        """Makes `count` tags and returns their common path, without the number at the end."""
        if count > 1:
            self.fill(count)
            return f"/v2/{REPOSITORY}/manifests/v"
        body = b"{}"
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        part = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest, "size": len(body)}
        image = json.dumps({"schemaVersion": 2, "mediaType": TYPE, "config": part, "layers": [part] * 6})
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(self.address).netloc, timeout=60)
        put = urllib.parse.urlsplit(self.upload(digest))
        for path, sent, kind in ((f"{put.path}?{put.query}", body, "application/octet-stream"),
                                 (f"/v2/{REPOSITORY}/manifests/latest", image, TYPE)):
            connection.request("PUT", path, sent, {"Content-Type": kind})
            answer = connection.getresponse()
            if answer.status != 201:
                sys.exit(f"PUT {path}: {answer.status}: {answer.read()[:300]!r}")
            answer.read()
        return f"/v2/{REPOSITORY}/manifests/latest"


class Distribution(Registry):
    """The reference implementation, with a folder as its store."""

    name = "distribution"

    def __init__(self, program, scratch):
        self.program, self.root = program, os.path.join(scratch, "distribution")
        self.config = os.path.join(scratch, "distribution.yml")
        self.server = None

    def start(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(root=self.root, address=address))
        env = os.environ | {"OTEL_TRACES_EXPORTER": "none"}
        self.server = subprocess.Popen([self.program, "serve", self.config], env=env, stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.address = f"http://{address}"
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", int(address.split(":")[1]))):
                return
            if self.server.poll() is not None:
                break
            time.sleep(0.05)
        sys.exit(f"{self.program} did not start")

    def stop(self):
        if self.server:
            self.server.terminate()
            self.server.wait(30)
            self.server = None

    def folder(self):
        return self.root

    def cpu(self):
        own = spent(self.server.pid)
        return own, own

    def fill(self, count):
        """Writes tags as files, in the layout of its store (registry/storage/paths.go)."""
        v2 = os.path.join(self.root, "docker", "registry", "v2")
        base = os.path.join(v2, "repositories", REPOSITORY, "_manifests")

        def write(content, *path):
            where = os.path.join(*path)
            os.makedirs(os.path.dirname(where), exist_ok=True)
            with open(where, "wb") as file:
                file.write(content)

        for number in range(count):
            body = manifest(number)
            digest = hashlib.sha256(body).hexdigest()
            link = f"sha256:{digest}".encode()
            write(body, v2, "blobs", "sha256", digest[:2], digest, "data")
            write(link, base, "revisions", "sha256", digest, "link")
            write(link, base, "tags", f"v{number}", "current", "link")
            write(link, base, "tags", f"v{number}", "index", "sha256", digest, "link")


class Ours(Registry):
    """This registry with the PostgreSQL and the Kubo that it starts for itself."""

    name = "ours"

    def __init__(self, options, scratch, settings):
        self.options, self.settings = options, settings
        self.scratch = os.path.join(scratch, "ours")
        os.mkdir(self.scratch)
        os.chmod(self.scratch, 0o711)
        self.stack = contextlib.ExitStack()
        self.running = None

    def start(self):
        self.running = self.stack.enter_context(started(self.options, self.scratch, self.settings))
        self.address = self.running.registry

    def stop(self):
        self.stack.close()

    def folder(self):
        return self.scratch

    def cpu(self):
        """Returns the CPU seconds of the server alone, and with its PostgreSQL and Kubo."""
        own = sum(int(field) for field in stat(self.running.pid)[11:13]) / TICK
        return own, own + sum(spent(pid) for pid in tree(self.running.pid)[1:])

    def fill(self, count):
        """Writes tags as rows."""
        rows = ",".join(f"({n},'{manifest(n).decode()}')" for n in range(count))
        psql(os.path.join(self.scratch, "data"), f"""
            INSERT INTO repositories (name, public) VALUES ('{REPOSITORY}', TRUE) ON CONFLICT DO NOTHING;
            CREATE TEMPORARY TABLE made (number int, raw text);
            INSERT INTO made VALUES {rows};
            WITH stored AS (
                INSERT INTO manifests (digest, content_type, raw, size)
                SELECT 'sha256:' || encode(sha256(raw::bytea), 'hex'), '{TYPE}', raw::bytea, octet_length(raw) FROM made
                RETURNING id, digest)
            INSERT INTO repository_manifests (repository_id, manifest_id)
                SELECT r.id, s.id FROM stored s, repositories r WHERE r.name = '{REPOSITORY}';
            INSERT INTO tags (repository_id, name, manifest_id, manifest_digest)
                SELECT r.id, 'v' || number, m.id, m.digest FROM made, manifests m, repositories r
                WHERE m.digest = 'sha256:' || encode(sha256(made.raw::bytea), 'hex') AND r.name = '{REPOSITORY}';
            ANALYZE;""")


class Kubo:
    """The Kubo of our server, asked by curl alone: what is left when nothing stands before it."""

    name = "Kubo"

    def __init__(self, ours):
        self.ours, self.held = ours, None

    def cpu(self):
        own = spent(self.ours.running.kubo_pid)
        return own, own

    def push(self, layers):
        answers = many(["-F", f"file=@{layer.path}", *reach(self.ours.running.api, ADD)] for layer in layers)
        self.held = json.loads(answers[-1])["Hash"]

    def source(self):
        return reach(self.ours.running.gateway, f"/ipfs/{self.held}")


def many(commands):
    """Runs several curls at the same time and returns what they print. The test ends if one fails."""
    running = [subprocess.Popen(["curl", "-sS", "--fail-with-body", "--max-time", "300", *command],
                                stdout=subprocess.PIPE, text=True) for command in commands]
    texts = [one.communicate()[0] for one in running]
    for one, text in zip(running, texts):
        if one.returncode:
            sys.exit(f"{' '.join(one.args)}: exit {one.returncode}: {text[:300]}")
    return texts


def digest_of(source):
    """Pulls a layer and returns its digest."""
    with subprocess.Popen(["curl", "-sS", "--fail", "--max-time", "300", *source], stdout=subprocess.PIPE) as client:
        seen = hashlib.sha256()
        while piece := client.stdout.read(1 << 20):
            seen.update(piece)
    return f"sha256:{seen.hexdigest()}"


def busy():
    """Returns the CPU seconds so far of every process of the machine, by its pid and name."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            found[int(pid), name_of(pid)] = spent(pid)
    return found
