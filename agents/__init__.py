"""The supervisor graph and what surfaces use of it: a request comes in, domain engines answer, and nothing
changes before policy and approval. Langgraph is imported in the graph's own modules only, never from here.
"""
