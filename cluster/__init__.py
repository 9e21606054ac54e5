"""The Kubernetes engine: snapshot, analyzers, topology, root-cause ranking and typed plans.

It holds nothing yet; a request that needs it is told that cluster diagnosis is not part of this version.
"""
