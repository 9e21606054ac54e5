"""Other drift tools beside ours, on the same drifted clouds: one small file a tool, one that installs, one that scores.

Each is run as its users run it, from its published package and with its own command line; only what it prints is read.
"""
