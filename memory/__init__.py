"""Working, episodic and semantic memory, and the compression of long context.

So far it holds `learnt`, what was verified of models' answers; callers get the `Recall` and `Compress` ports unserved
and say so.
"""
