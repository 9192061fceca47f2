"""A presentation tree as text: one grammar, several alphabets.

Begin with `tree.py`, what a formula looks like, and `spell.py`, where parentheses go; `unicode.py`, `latex.py` and
`pretty.py` are alphabets of a hundred lines. Nothing here knows of graphs, and a formula reads alike in every alphabet
because only signs differ.
"""
