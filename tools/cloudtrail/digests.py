"""CloudTrail's digest files: what was delivered, hour by hour, also where nothing happened.

A trail with log file validation lists each hour, for each account and region, the log files that it delivered and their
hashes, in a digest that exists even when there were none. So a digest proves that a quiet place was quiet, a log file
that was not copied is missed, and one that was changed since is known. The signatures are not checked: the keys would
have to be asked for, and each signature stands in the metadata of an S3 object, which no copy has.
Source: AWS CloudTrail user guide, "CloudTrail digest file structure".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from lamplighter.core.errors import InputError, LampError
from lamplighter.core.text import printable
from lamplighter.core.trace import Place, Span, TraceCoverage
from lamplighter.tools._json_documents import bad, documents
from lamplighter.tools.cloudtrail import forms
from lamplighter.tools.cloudtrail._seen import Seen
from lamplighter.tools.cloudtrail.malformed import Malformed
from lamplighter.tools.cloudtrail.records import Wanted, utc
from lamplighter.tools.cloudtrail.walk import Survey, TraceWalk, log_name, survey

MAX_DIGEST = 16 * 1024 * 1024
"""Bytes after decompression; an entry takes about 400, and an hour has some dozen log files."""

LIMIT = (
    "digests were taken as they are: their signatures were not checked, they do not say which events the trail"
    " selects, and a call may be delivered 15 minutes after the last of them or later"
)

_NAME = re.compile(r"(?P<account>\d{12})_CloudTrail-Digest_(?P<region>[a-z]{2,}(-[a-z]+)+-\d+)_.*", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII | re.IGNORECASE)
_LONGEST = timedelta(days=1)
"""A digest speaks of an hour; one of more than a day is none that CloudTrail wrote."""


class _LogFile(msgspec.Struct, gc=False, rename="camel"):
    s3_object: str = msgspec.field(name="s3Object")
    hash_value: str
    hash_algorithm: str
    newest_event_time: str | None = None
    oldest_event_time: str | None = None


class _Digest(msgspec.Struct, gc=False, rename="camel"):
    aws_account_id: str
    digest_start_time: str
    digest_end_time: str
    digest_s3_object: str = msgspec.field(name="digestS3Object")
    log_files: list[_LogFile]
    previous_digest_s3_object: str | None = msgspec.field(name="previousDigestS3Object", default=None)
    previous_digest_hash_value: str | None = None


_DIGEST = msgspec.json.Decoder(_Digest)


class _Tally:
    """How many files something is true of, each once, and the name of the first."""

    def __init__(self) -> None:
        self.count = 0
        self.first = ""
        self._seen = Seen()

    def add(self, name: str) -> None:
        if not self._seen.add(name):
            self.count += 1
            self.first = self.first or printable(name, limit=120)

    def line(self, one: str, many: str) -> str:
        """`N <one or many>, e.g. <the first>`."""
        return f"{self.count} {one if self.count == 1 else many}, e.g. {self.first}"


class Digests:
    """All digests under some paths, read before the log files. `found` is how many could be used.

    A place (account and region) and hour of a good digest counts as read whole in `coverage`, of those that are wanted.
    """

    def __init__(self, coverage: TraceCoverage, wanted: Wanted, problems: list[LampError]) -> None:
        self.found = 0
        self._coverage, self._wanted, self._problems = coverage, wanted, problems
        self._hashes = _Hashes()
        self._missing, self._changed, self._changed_digests = _Tally(), _Tally(), _Tally()
        self._last: dict[str, _Link] = {}

    def read(self, paths: Sequence[Path]) -> None:
        """A digest that cannot be used is one line of the problems."""
        found = survey(paths)
        if found.digests:
            for path in TraceWalk([]).digests(found.digests):
                try:
                    for _, data in documents(path, max_document=MAX_DIGEST, parse=bytes):
                        self._take(data, found)
                except InputError as error:
                    self._problems.append(error)
                except Malformed as error:
                    self._problems.append(bad(path, f"is no CloudTrail digest: {error}", "copy it again"))
                else:
                    self.found += 1

    def parser(self, path: Path) -> Callable[[bytes], Any]:
        """`forms.parse` for one log file, which also compares the hash of what it is given where a digest has one."""
        expected = self._hashes.get(log_name(path.name)) if self.found else None
        if expected is None:
            return forms.parse
        waiting = [expected]

        def parse(data: bytes) -> Any:
            # Only the file as a whole has the hash; lines of it, tried afterwards, have none.
            if waiting and sha256(data).digest() != waiting.pop():
                self._changed.add(path.name)
            return forms.parse(data)

        return parse

    def problems(self) -> Iterator[InputError]:
        """What the digests say of the log files, once those were read."""
        if self._missing.count:
            line = self._missing.line(
                "log file that a digest names was not read", "log files that the digests name were not read"
            )
            yield InputError("--trace", line, "copy all log files from the bucket")
        for tally, kind in ((self._changed, "log file"), (self._changed_digests, "digest")):
            if tally.count:
                line = tally.line(
                    f"{kind} was changed since delivery", f"{kind}s were changed since delivery"
                )
                yield InputError("--trace", line, "copy them again from the bucket")

    def _take(self, data: bytes, found: Survey) -> None:
        digest, place, span = _checked(data)
        self._link(digest, data)
        accounts, regions = self._wanted.accounts, self._wanted.regions
        if (accounts and place.account not in accounts) or (regions and place.region not in regions):
            return
        since, until = self._wanted.since, self._wanted.until
        wanted = Span(max(span.since, since), min(span.until, until or span.until))
        if wanted.since < wanted.until:
            self._coverage.prove(place, wanted)
        for file in digest.log_files:
            name = log_name(file.s3_object)
            if name in found.logs:
                self._hashes.add(name, bytes.fromhex(file.hash_value))
            elif not _outside(file, self._wanted):
                self._missing.add(name)

    def _link(self, digest: _Digest, data: bytes) -> None:
        """Each digest holds the hash of the one before, of its account, region and trail."""
        name = log_name(digest.digest_s3_object)
        trail = name.rpartition("_")[0]
        last = self._last.get(trail)
        previous = log_name(digest.previous_digest_s3_object or "")
        told = (digest.previous_digest_hash_value or "").lower()
        if last and last.name == previous and told and told != last.hash:
            self._changed_digests.add(previous)
        self._last[trail] = _Link(name, sha256(data).hexdigest())


class _Link(NamedTuple):
    """A digest's name and the hash (SHA-256, hexadecimal) of its content."""

    name: str
    hash: str


class _Hashes:
    """SHA-256 by name, at 48 bytes an entry, found as `Seen` finds: memory stays small for a trace of any length."""

    def __init__(self) -> None:
        self._buckets: dict[bytes, bytearray] = {}

    def add(self, name: str, value: bytes) -> None:
        key = self._key(name)
        if self.get(name) is None:
            self._buckets.setdefault(key[:2], bytearray()).extend(key + value)

    def get(self, name: str) -> bytes | None:
        key = self._key(name)
        bucket = self._buckets.get(key[:2], bytearray())
        at = bucket.find(key)
        # A match across two entries is as unlikely as one of two names.
        return bytes(bucket[at + 16 : at + 48]) if at >= 0 else None

    @staticmethod
    def _key(name: str) -> bytes:
        return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _checked(data: bytes) -> tuple[_Digest, Place, Span]:
    """A digest's text -> what it says, of where and when. Raises Malformed."""
    try:
        digest = _DIGEST.decode(data)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Malformed(printable(str(error), limit=120)) from None
    name = _NAME.fullmatch(log_name(digest.digest_s3_object))
    if name is None or name["account"] != digest.aws_account_id:
        raise Malformed("digestS3Object does not name its account and region")
    span = Span(_time(digest.digest_start_time), _time(digest.digest_end_time))
    length = datetime.fromisoformat(span.until) - datetime.fromisoformat(span.since)
    if not timedelta() < length <= _LONGEST:
        raise Malformed("digestStartTime and digestEndTime are no hour")
    for file in digest.log_files:
        if file.hash_algorithm != "SHA-256" or not _SHA256.fullmatch(file.hash_value):
            raise Malformed("an entry of logFiles has no SHA-256 hash")
    return digest, Place(name["account"], name["region"]), span


def _time(text: str) -> str:
    try:
        return utc(text)
    except Malformed:
        raise Malformed(f"{printable(text, limit=40)} is no time") from None


def _outside(file: _LogFile, wanted: Wanted) -> bool:
    """Whether all its events are of a time that is not asked for; a file that does not say may hold any."""
    oldest, newest = file.oldest_event_time, file.newest_event_time
    before = bool(newest and wanted.since and _time(newest) < wanted.since)
    return before or bool(oldest and wanted.until and _time(oldest) >= wanted.until)
