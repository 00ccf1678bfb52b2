"""Bytes to send: the same for the same size and seed, and of any length without holding them."""

import hashlib
import io

MIB = 1 << 20


def block(seed: int) -> bytes:
    """One MiB that no other seed has."""
    return hashlib.shake_256(seed.to_bytes(8, "big")).digest(MIB)


def some_bytes(size: int, seed: int = 0) -> bytes:
    whole = b"".join(block(seed * 100_000 + part) for part in range(-(-size // MIB)))
    return whole[:size]


class Endless(io.RawIOBase):
    """A readable, seekable file of `size` bytes made on the fly; remembers nothing but one block."""

    def __init__(self, size: int, seed: int = 0):
        self.size, self.seed, self.at = size, seed, 0
        # Cheap to make: a block differs from the others by its first eight bytes.
        self.common = block(seed)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.at, io.SEEK_END: self.size}[whence])
        return self.at

    def readinto(self, out) -> int:
        filled, wanted = 0, min(len(out), self.size - self.at)
        while filled < wanted:
            number, start = divmod(self.at, MIB)
            data = number.to_bytes(8, "big") + self.common[8:]
            piece = data[start : start + wanted - filled]
            out[filled : filled + len(piece)] = piece
            filled += len(piece)
            self.at += len(piece)
        return filled


def digest(stream, piece: int = MIB) -> str:
    """SHA-256 of what can be read, piece by piece."""
    found = hashlib.sha256()
    while data := stream.read(piece):
        found.update(data)
    return found.hexdigest()
