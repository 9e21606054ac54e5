"""What lamp says of itself: facts only, no model."""

from __future__ import annotations

CAPABILITIES = (
    "I find Terraform drift from the API trace, say who changed what and where the code differs, and propose "
    "edits to the code; nothing is changed before the policy and, where it asks, a person approve that exact plan. "
    "Try: 'what changed last night?', 'who opened port 22?', 'propose a patch for the drift'. "
    "There is no Kubernetes and no node engine in this version."
)
