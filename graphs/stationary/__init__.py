"""Where a gradient is zero, in closed form.

A gradient and a variable come in, the node of the solution goes out, or the term that is in the way. Begin with
`elimination.py`, which solves for one variable after the other; `affine.py` and `balance.py` are the two ways in which
one equation is solved. `completion.py` reads a loss as a constant and a sum of squares. What users call is in
`minimising/`.
"""
