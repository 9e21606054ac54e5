"""Sandbox worlds and evaluation: sample projects with their state and trace, and the runners of `lamp demo`,
`lamp eval` and `lamp bench`. It may import any part; no part imports it, but those commands do, lazily.
"""
