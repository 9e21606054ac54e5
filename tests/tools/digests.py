"""CloudTrail's digest files, as the user guide describes them ("CloudTrail digest file structure"), for tests."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ACCOUNT, REGION = "123456789012", "eu-west-1"


def log_key(name: str, region: str = REGION) -> str:
    return f"AWSLogs/{ACCOUNT}/CloudTrail/{region}/2026/11/22/{ACCOUNT}_CloudTrail_{region}_{name}.json.gz"


def delivered(root: Path, name: str, records: list[Any], region: str = REGION) -> str:
    """Writes a log file and returns its key."""
    path = root / log_key(name, region)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(json.dumps({"Records": records}).encode()))
    return log_key(name, region)


def hash_of(root: Path, key: str) -> str:
    return hashlib.sha256(gzip.decompress((root / key).read_bytes())).hexdigest()


def digest(hour: int, logs: Mapping[str, str], region: str = REGION, **changed: Any) -> dict[str, Any]:
    """The digest of the hour that ends at `hour` o'clock; `logs` are keys with their hashes."""
    entry = {"hashAlgorithm": "SHA-256", "s3Bucket": "trail"}
    times = {
        "newestEventTime": f"2026-11-22T{hour - 1:02}:50:00Z",
        "oldestEventTime": f"2026-11-22T{hour - 1:02}:10:00Z",
    }
    return {
        "awsAccountId": ACCOUNT,
        "digestStartTime": f"2026-11-22T{hour - 1:02}:00:00Z",
        "digestEndTime": f"2026-11-22T{hour:02}:00:00Z",
        "digestS3Bucket": "trail",
        "digestS3Object": digest_key(hour, region),
        "digestSignatureAlgorithm": "SHA256withRSA",
        **times,
        "logFiles": [{"s3Object": key, "hashValue": value, **entry, **times} for key, value in logs.items()],
        **changed,
    }


def digest_key(hour: int, region: str = REGION) -> str:
    name = f"{ACCOUNT}_CloudTrail-Digest_{region}_main_eu-west-1_20261122T{hour:02}0000Z.json.gz"
    return f"AWSLogs/{ACCOUNT}/CloudTrail-Digest/{region}/2026/11/22/{name}"


def stored(root: Path, document: Mapping[str, Any]) -> Path:
    """Writes a digest where its own `digestS3Object` says."""
    path = root / document["digestS3Object"]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(json.dumps(document).encode()))
    return path
