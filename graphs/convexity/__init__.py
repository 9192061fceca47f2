"""Is a scalar graph convex in some of its inputs? What is proved here is true for all other values and all sizes.

A graph and its variables come in, a proof goes out, or nothing. Begin with `proof.py`, which asks the two provers:
`calculus.py` composes what is convex, entry by entry, up the graph; `kernels.py` takes second derivatives of what is
summed. Both rest on `ranges.py` (what values an entry can have) and `domains.py` (where the formula is a number: that
must be a convex set).
What users call is in `minimising/`, and so is the search for a witness to the contrary.
"""
