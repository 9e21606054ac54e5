"""The one reader of the API trace of AWS: CloudTrail files in every form, and its event history (`live`).

It drops what cannot be a change (top-level `readOnly`), what is not wanted and what was delivered twice, and judges
nothing else: who made a call and what it means is the drift engine's work. Whatever it could not read it names.
Record layout: AWS CloudTrail user guide, "CloudTrail record contents".
"""

from lamplighter.core.trace import Record, TraceRead
from lamplighter.tools.cloudtrail.files import TraceFiles, read_all, read_trace
from lamplighter.tools.cloudtrail.records import is_read_only

__all__ = ["Record", "TraceFiles", "TraceRead", "is_read_only", "read_all", "read_trace"]
