"""Working, episodic and semantic memory, and the compression of long context.

So far it holds `learnt`, what was verified of models' answers, which serves the ports `Recall` and `Remember` and is
handed to nobody yet; `Compress` is unserved. Callers that get none say so.
"""
