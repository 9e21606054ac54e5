"""Which ids were seen, at about 16 bytes an id, so that memory stays small over a trace of any length."""

from __future__ import annotations

from hashlib import blake2b

_MASK = 0x3F
"""Of the second byte: with the first it chooses one of 16,384 buckets, each searched by `in`."""


class Seen:
    """A set of texts that keeps 128-bit digests only.

    Of two different texts out of 10**9 the chance to be taken for one is below 10**-19: dropping a change for another's
    id is then no case to reckon with. A match across two neighbours in a bucket is as unlikely.
    """

    def __init__(self) -> None:
        self._buckets: dict[int, bytearray] = {}

    def add(self, text: str) -> bool:
        """Whether `text` was there before."""
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        key = digest[0] << 8 | digest[1] & _MASK
        bucket = self._buckets.get(key)
        if bucket is None:
            self._buckets[key] = bytearray(digest)
            return False
        known = digest in bucket
        if not known:
            bucket += digest
        return known

    def __contains__(self, text: str) -> bool:
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        return digest in self._buckets.get(digest[0] << 8 | digest[1] & _MASK, b"")

    def size(self) -> int:
        """Bytes that the digests take."""
        return sum(bucket.__sizeof__() for bucket in self._buckets.values())
