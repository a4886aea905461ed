"""A large layer for pushes."""

import hashlib
import os

from rig import MIB

# What a client of Kubo sends to get the tree that the registry stores, as a file of its own that is pinned.
ADD = ("/api/v0/add?cid-version=1&raw-leaves=true&chunker=size-1048576&max-file-links=1024"
       "&pin=true&progress=false&fast-provide-root=false")


class Layer:
    """A file of random bytes. No block of 1 MiB occurs twice, also after `renew`."""

    def __init__(self, path, size):
        self.path, self.size, self.digest = path, size, None
        with open(path, "wb") as file:
            for _ in range(size // MIB):
                file.write(os.urandom(MIB))

    def renew(self):
        """Changes 16 bytes in every block, which makes every leaf new. The page cache stays warm. Returns the digest."""
        with open(self.path, "r+b") as file:
            for at in range(0, self.size, MIB):
                file.seek(at)
                file.write(os.urandom(16))
        with open(self.path, "rb") as file:
            self.digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        return self.digest
