"""`symgrad serve`: a local page on which a formula is answered whole, and a network is built and trained.

A text comes in, a page goes out. Begin with `answering.py`: the answer is one pure function of the question, which needs
neither a server nor, for its formulas, NumPy. `sections.py` and `document.py` set it as HTML; `pool.py` and `worker.py`
compute answers in processes with limits; `app.py` is the server. No text that comes in is evaluated, and no request leaves.
"""
