"""Terraform's configuration language, read only: syntax to plain data, and the part of it that is static.

`syntax` parses one file, `evaluate` computes expressions as far as the files and the state say, and `project`
finds an absolute address in a tree of modules. Nothing here touches the disk or loads a parser at import.
"""
