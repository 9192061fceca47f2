"""The primitives: how each is made and brought into normal form.

Operands and attributes come in, an interned node goes out, already rid of zeros, ones, like terms and deltas. Begin
with `einsum.py`, the one multilinear operation, then `primitives.py`, which lists all others; `rows.py` is the table of
elementwise functions. Constructors do what is local and always right: what has to look around is a rewrite, and belongs
in `rewrites/`; what an operation's derivative is stands in `derivative/`, and its whole row in `graphs/table.py`.
"""
