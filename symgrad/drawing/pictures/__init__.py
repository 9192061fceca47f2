"""Boxes, arrows and clusters as SVG, PDF and PNG; nothing here knows of tensors.

Begin with `picture.py`, what a picture is, then `layout.py` (where everything stands, by Graphviz), `svg.py` (how it
looks) and `render.py` (files). Formulas come as LaTeX and are set by `typeset.py`. Curves of a fit are drawn by
`curves.py`; contours, surfaces and maps by `relief.py`, on pages of `page.py` with axes of `axes.py`.
"""
