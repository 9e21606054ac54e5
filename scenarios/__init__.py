"""Sandbox worlds: a cloud account, its Terraform project, and what people did to it behind Terraform's back.

`recorder` watches the HTTP calls that reach a moto server and writes them as CloudTrail records; `build` applies a
project of `projects/` with real Terraform, replays the sessions of `injection` with a real SDK, reads the cloud back
and stores state, trace and truth under `data/`. Nothing here knows the drift engine: the engine is judged on this data.
"""
