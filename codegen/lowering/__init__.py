"""Nodes to array expressions: what an array library does in one call, as data.

A graph comes in, `Expr`s go out, interned as nodes are. Begin with `lower.py`, one rule per primitive, then
`arrays.py`, what an expression is. What only computation asks for is done here, on the way: factors shared,
contractions distributed, products in a chosen order. No text and no backend: that a call is spelled `np.matmul` is not
known here.
"""
