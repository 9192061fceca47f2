"""A graph as people read it: a formula on one line or several, in Unicode, LaTeX, MathML or English.

A node comes in, text goes out, in two stages: `notation/` writes a presentation tree, `spelling/` (or `words/`) folds
it. Begin with `rendering.py`, which joins the two and names the intermediates of large formulas. Nodes only: how a
`Tensor` prints is one floor up, in `language/printing.py`.
"""
