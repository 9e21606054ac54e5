"""The only folder that touches what is operated on: files, Terraform, clusters and cloud accounts are read and
changed here, through typed functions. Child processes are started by one module of this folder and no other.
"""
