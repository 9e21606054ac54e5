"""The cluster's agent. No cluster engine exists in this version, and the report has to say so."""

from __future__ import annotations

NOT_CHECKED = "cluster: not checked, there is no Kubernetes engine in this version"
