"""The choice, for each step of a request, between rules, a model on this device and a model in the cloud.

It holds nothing yet; every step is answered by rules.
"""
