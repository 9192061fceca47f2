"""The derivative: one rule per primitive, and the pass that carries cotangents from a root to its leaves.

A root, a seed and variables come in, the nodes of the derivatives go out. Begin with `reverse.py`, the whole pass on
one page, then `rules.py`, the rules it calls. Which sample axis a result has and how it is laid out is decided above,
in `calculus/derivatives.py`; what makes a finished derivative shorter is a rewrite.
"""
