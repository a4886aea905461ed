"""A Docker Engine for the tests of deploy/, and the images that they build for it. No image can be pulled here, so base images are
made from Debian's packages and from programs of this machine, under the names that the files of deploy/ expect."""

import json
import os
import pathlib
import shutil
import subprocess

from parts import CACHE, ROOT, fail, run, step, until

BASE, LARGEST = "debian:bookworm-slim", 25 << 20


class Docker:
    """A Docker Engine on directories of its own. Its containers use the machine's network, unless it gets a network namespace."""

    def __init__(self, programs, namespace=None):
        top = programs.scratch
        self.env = os.environ | {"DOCKER_HOST": f"unix://{top}/docker.sock", "DOCKER_CONFIG": f"{top}/docker-client", "DOCKER_BUILDKIT": "1", "HOME": str(top)}
        (top / "daemon.json").write_text("{}")
        words = ["unshare", "--mount", "--propagation", "private", shutil.which("dockerd", path=os.environ["PATH"] + ":/usr/sbin"),
                 "--data-root", top / "docker", "--exec-root", top / "docker-run", "--pidfile", top / "docker.pid", "-H", self.env["DOCKER_HOST"],
                 "--config-file", top / "daemon.json"]
        if namespace:
            words = ["nsenter", f"--net=/var/run/netns/{namespace}", *words]
        else:
            words += ["--bridge=none", "--iptables=false", "--ip6tables=false"]
        programs.start("dockerd", *words)
        until("dockerd answers", lambda: subprocess.run(["/usr/bin/docker", "version"], env=self.env, capture_output=True, check=False).returncode == 0)

    def __call__(self, *words, **more):
        return run("/usr/bin/docker", *words, env=self.env, **more)

    def healthy(self, name):
        state = json.loads(self("inspect", "--format", "{{json .State}}", name))
        if not state["Running"] or state["Restarting"]:
            fail(f"the container {name} has ended:\n{self.logs(name)[-3000:]}")
        return state["Health"]["Status"] == "healthy"

    def logs(self, name):
        done = subprocess.run(["/usr/bin/docker", "logs", name], env=self.env, capture_output=True, text=True, check=False)
        return done.stdout + done.stderr


def base_image(docker):
    """Imports the base image, which is made once into the cache."""
    archive = CACHE / "images/debian-bookworm-slim.tar"
    if not archive.exists():
        step("making the base image from Debian's packages (this takes a minute or two, only once)")
        archive.parent.mkdir(parents=True, exist_ok=True)
        half = archive.with_suffix(".half.tar")
        run("mmdebstrap", "--variant=minbase", "--include=ca-certificates", "bookworm", half)
        half.rename(archive)
    docker("import", archive, BASE)


def registry_image(docker, program, scratch, tag="af-registry"):
    """Builds the image of the registry from a copy of what the Dockerfile reads, and checks it."""
    context = scratch / f"context-{tag.replace(':', '-')}"
    (context / "target/image").mkdir(parents=True)
    run("strip", "-o", context / "target/image/af-registry", program)
    shutil.copy(ROOT / "deploy/docker/Dockerfile", context)
    docker("build", "--network", "none", "-f", context / "Dockerfile", "-t", tag, "--build-arg", "BINARY=prebuilt", "--build-arg", f"RUST_IMAGE={BASE}",
           "--build-arg", f"REVISION={tag}", context)
    size = int(docker("inspect", "--format", "{{.Size}}", tag))
    program_size = (context / "target/image/af-registry").stat().st_size
    user = docker("inspect", "--format", "{{.Config.User}}", tag)
    tried = subprocess.run(["/usr/bin/docker", "run", "--rm", "--network", "none", "--entrypoint", "/bin/sh", tag], env=docker.env, capture_output=True, check=False)
    if user != "65532:65532" or tried.returncode == 0:
        fail(f"the image runs as {user!r}, or has a shell")
    # A debug build is larger than what is released, so what comes beside the program is measured.
    if size - program_size > 8 << 20 or ("debug" not in str(program) and size > LARGEST):
        fail(f"the image has {size} bytes, of which the program has {program_size}")
    step(f"the image has {size / (1 << 20):.1f} MiB, of which the program has {program_size / (1 << 20):.1f}; it has no shell and runs as {user}")


# As the images of the same names do: the first start makes the database or the repository, as root only as far as needed.
POSTGRES = r"""#!/bin/sh
set -eu
export PATH="/usr/lib/postgresql/bin:$PATH" PGDATA=/var/lib/postgresql/data
if [ "$(id -u)" = 0 ]; then
    POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
    export POSTGRES_PASSWORD
    mkdir -p "$PGDATA" /var/run/postgresql
    chown postgres:postgres "$PGDATA" /var/run/postgresql
    exec setpriv --reuid=postgres --regid=postgres --clear-groups "$0"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    chmod 700 "$PGDATA"
    printf '%s\n' "$POSTGRES_PASSWORD" >/tmp/password
    initdb -U "$POSTGRES_USER" -A scram-sha-256 --pwfile=/tmp/password -E UTF8 --locale=C.UTF-8
    rm /tmp/password
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    pg_ctl -w start -o "-c listen_addresses=''"
    PGPASSWORD=$POSTGRES_PASSWORD psql -h /var/run/postgresql -U "$POSTGRES_USER" -d postgres -c "create database $POSTGRES_DB"
    pg_ctl -w stop
fi
unset POSTGRES_PASSWORD
exec postgres -c "listen_addresses=*"
"""
KUBO = r"""#!/bin/sh
set -eu
export IPFS_PATH=/data/ipfs HOME=/tmp
if [ "$(id -u)" = 0 ]; then
    mkdir -p "$IPFS_PATH"
    chown 1000:100 "$IPFS_PATH"
    exec setpriv --reuid=1000 --regid=100 --clear-groups "$0" "$@"
fi
if [ ! -e "$IPFS_PATH/config" ]; then
    ipfs init --profile="$IPFS_PROFILE"
    ipfs config Addresses.API /ip4/0.0.0.0/tcp/5001
    ipfs config Addresses.Gateway /ip4/0.0.0.0/tcp/8080
fi
for script in /container-init.d/*.sh; do sh "$script"; done
exec ipfs "$@"
"""


def stand_in(docker, scratch, name, programs, entry, *lines):
    """Builds an image from programs of this machine with their libraries, on Debian's base image. `programs` maps them, or folders,
    to paths in the image."""
    context = scratch / name.replace("/", "-").replace(":", "-")
    files = context / "files"
    for source, target in programs.items():
        to = files / target
        to.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, to)
        else:
            shutil.copy(source, to)
    for program in [found for found in files.rglob("*") if found.is_file() and os.access(found, os.X_OK)]:
        told = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
        for library in [pathlib.Path(line.split("=>")[1].split()[0]) for line in told.splitlines() if "=> /" in line]:
            to = files / "usr/lib/stand-in" / library.name
            # Those of libc must be the image's own.
            if not to.exists() and library.name.split(".")[0] not in ("libc", "libm", "libpthread", "libdl", "librt", "libresolv"):
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(library, to)
    (files / "entry").write_text(entry)
    (files / "entry").chmod(0o755)
    (context / "Dockerfile").write_text("\n".join([f"FROM {BASE}", "COPY files/ /", "ENV LD_LIBRARY_PATH=/usr/lib/stand-in", *lines, ""]))
    docker("build", "--network", "none", "-t", name, context)


def partners(docker, scratch, compose):
    """Builds stand-ins for the images of PostgreSQL, Kubo and Prometheus that the file of compose names."""
    images = {line.split("image:")[1].strip().split(":")[0]: line.split("image:")[1].strip() for line in compose.read_text().splitlines() if " image:" in line}
    version = max(pathlib.Path("/usr/lib/postgresql").iterdir())
    # The programs of PostgreSQL look for their files beside the place where they were built to be.
    stand_in(docker, scratch, images["postgres"], {version: str(version).lstrip("/"), pathlib.Path("/usr/share/postgresql") / version.name: f"usr/share/postgresql/{version.name}"},
             POSTGRES, "RUN groupadd -r postgres && useradd -r -g postgres postgres && ln -s " + f"{version}/bin /usr/lib/postgresql/bin && ln -s {version}/bin/pg_isready /usr/bin/pg_isready",
             'ENTRYPOINT ["/entry"]')
    ipfs = pathlib.Path(shutil.which("ipfs", path=f"{CACHE}/bin:{os.environ['PATH']}"))
    stand_in(docker, scratch, images["ipfs/kubo"], {ipfs: "usr/local/bin/ipfs"}, KUBO, 'ENV IPFS_PATH=/data/ipfs', 'ENTRYPOINT ["/entry"]')
    prometheus = pathlib.Path(shutil.which("prometheus"))
    stand_in(docker, scratch, images["prom/prometheus"], {prometheus: "usr/bin/prometheus"}, "#!/bin/sh\n", "RUN mkdir /prometheus && chown 65534:65534 /prometheus", "USER 65534",
             'ENTRYPOINT ["/bin/prometheus"]', 'CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]')
