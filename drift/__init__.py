"""The drift engine: from the records of an API trace and a Terraform project with its state to the changes
made outside the code. Pure functions over plain data; reading files is the work of `lamplighter.tools`.
"""
