"""The digests that a trail writes beside its log files: each hour, for each account and region, be there files or none.

They are made when a trace is written, out of the files themselves, so that nothing of them is stored. Format: AWS
CloudTrail user guide, "CloudTrail digest file structure"; without the signatures, which only AWS can make.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

_SLOT = timedelta(minutes=15)
"""`Delivery.delivered` is the start of the quarter of an hour at whose end its file comes."""
_TRAIL, _HOME, _BUCKET = "organisation", "eu-west-1", "acme-cloudtrail"


class Delivered(NamedTuple):
    """Where and when a log file came; as in `schema.Delivery`."""

    account: str
    region: str
    delivered: str


def write_digests(
    root: Path, places: Collection[tuple[str, str]], files: Mapping[Path, Delivered]
) -> list[Path]:
    """The digests of a trail over these accounts and regions, beside its log files `files`, which are under `root`.

    From an hour before the first event of all to the end of the hour of the last delivery; the minute at which an
    hour begins is the place's own.
    """
    times = [_moment(text) for path in files for text in _times(path)]
    last = max(map(_came, files.values()))
    written: list[Path] = []
    for account, region in sorted(places):
        skew = timedelta(minutes=int(hashlib.sha256(f"{account}/{region}".encode()).hexdigest(), 16) % 60)
        own = {path: item for path, item in files.items() if (item.account, item.region) == (account, region)}
        end = min(times).replace(minute=0, second=0) - timedelta(hours=1) + skew
        previous: dict[str, str] = {}
        while end <= last:
            start, end = end, end + timedelta(hours=1)
            named = {
                path: path.relative_to(root).as_posix()
                for path, item in own.items()
                if start <= _came(item) < end
            }
            key = (
                f"AWSLogs/{account}/CloudTrail-Digest/{region}/{end:%Y/%m/%d}/"
                f"{account}_CloudTrail-Digest_{region}_{_TRAIL}_{_HOME}_{end:%Y%m%dT%H%M%SZ}.json.gz"
            )
            document = _digest(account, key, start, end, named) | previous
            content = json.dumps(document, separators=(",", ":")).encode()
            path = root / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(gzip.compress(content, mtime=0))
            written.append(path)
            previous = {
                "previousDigestS3Bucket": _BUCKET,
                "previousDigestS3Object": key,
                "previousDigestHashValue": hashlib.sha256(content).hexdigest(),
                "previousDigestHashAlgorithm": "SHA-256",
            }
    return written


def _digest(
    account: str, key: str, start: datetime, end: datetime, logs: Mapping[Path, str]
) -> dict[str, Any]:
    entries = [
        {
            "s3Bucket": _BUCKET,
            "s3Object": name,
            "hashValue": hashlib.sha256(gzip.decompress(path.read_bytes())).hexdigest(),
            "hashAlgorithm": "SHA-256",
            **_extremes(_times(path)),
        }
        for path, name in sorted(logs.items())
    ]
    return {
        "awsAccountId": account,
        "digestStartTime": f"{start:%Y-%m-%dT%H:%M:%SZ}",
        "digestEndTime": f"{end:%Y-%m-%dT%H:%M:%SZ}",
        "digestS3Bucket": _BUCKET,
        "digestS3Object": key,
        "digestSignatureAlgorithm": "SHA256withRSA",
        **_extremes([time for path in logs for time in _times(path)]),
        "logFiles": entries,
    }


def _extremes(times: Collection[str]) -> dict[str, str | None]:
    return {"newestEventTime": max(times, default=None), "oldestEventTime": min(times, default=None)}


def _times(path: Path) -> list[str]:
    return [record["eventTime"] for record in json.loads(gzip.decompress(path.read_bytes()))["Records"]]


def _came(delivery: Delivered) -> datetime:
    return _moment(delivery.delivered) + _SLOT


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
