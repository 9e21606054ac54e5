"""Working, episodic and semantic memory, and the compression of long context.

It holds nothing yet; callers get the `Recall` and `Compress` ports unserved and say so.
"""
