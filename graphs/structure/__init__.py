"""A matrix read from its labels: blocks, Kronecker products, Gram matrices, low rank.

A finished Jacobian or Hessian comes in, a `MatrixForm` goes out, and what such a matrix does (products, solves, its
diagonal) without its deltas. Begin with `reading.py`. Nothing carries flags: structure is read when somebody asks.
Tensors with a structure, and its formula, are above, in `calculus/`.
"""
