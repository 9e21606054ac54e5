"""Faults of the sandbox cluster as data: what goes wrong, what a diagnosis must name, what a repair must achieve.

`load` reads the scenarios, `play` brings a sandbox into one, `check` says whether it is repaired. README.md beside this
file describes the format.
"""
