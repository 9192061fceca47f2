"""A graph cut into the steps, terms and small edits that people would name.

Begin with `boxes.py`: one box is one step of a textbook, and derivations, pictures and the comments of programs are all
written along boxes. `terms.py` and `edits.py` take a formula apart for `sg.verify`. Nothing here derives or simplifies,
and what a piece is called in print is decided in `formulas/`.
"""
