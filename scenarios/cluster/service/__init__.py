"""A sandbox as a process of its own, which a person starts, asks, feeds with scenarios and stops.

`place` is its folder, lock and record; `serve` is what runs in the process; `manage` starts and stops it from outside;
`control` is the channel between the two. That channel is no part of the cluster's API: whoever holds a kubeconfig,
a diagnosis under test included, sees what went wrong in the cluster and not which scenario it was.
"""
