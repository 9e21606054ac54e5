"""The chat bot: webhook receiver, durable inbox and chat adapters.

It holds nothing yet; nothing listens on a network port in this version.
"""
