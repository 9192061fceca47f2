"""A graph as a presentation tree: matrix notation to order two, indices beyond.

A node comes in, a `Tree` goes out, which says what is seen and not yet how. Begin with `writer.py`, then
`operators.py`, the table of how each operation is written; `matrices.py` turns products with labels into products of
matrices. No alphabet, no parentheses: these are spelling.
"""
