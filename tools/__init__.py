"""The only folder that touches what is operated on: files, Terraform, clusters and cloud accounts are read
and changed here, through typed functions. One module of this folder starts child processes; no other may.
"""
