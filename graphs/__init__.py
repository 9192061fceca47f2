"""The mathematics: nodes of the tensor algebra, its primitives, rewrites, derivatives and structure.

Node in, node out: a graph is data, and everything here is a function from graphs to graphs. Begin with `node.py` (what
a graph is), then `table.py` (what it is made of, a row for each primitive) and `reverse.py` (how it is derived). This
room knows no text and no arrays: printers live in `symgrad`, the spelling of NumPy in `symgrad.codegen`. It imports
neither.
"""
