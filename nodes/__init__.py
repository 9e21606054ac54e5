"""The unhealthy-node engine: features, effect estimator, mitigation policy and guards.

It holds nothing yet; a request that needs it is told that node mitigation is not part of this version.
"""
