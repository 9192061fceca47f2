"""Where a gradient is zero, in closed form.

A gradient and a variable come in, the node of the solution goes out, or the term that is in the way. Begin with
`elimination.py`, which solves for one variable after the other; `affine.py` and `balance.py` are the two ways in which
one equation is solved. What users call is in `minimising/`.
"""
