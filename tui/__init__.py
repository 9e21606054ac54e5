"""The terminal chat, a surface over `lamplighter.agents` drawn with Textual.

It holds nothing yet; `lamp ask` is the way to put a request.
"""
