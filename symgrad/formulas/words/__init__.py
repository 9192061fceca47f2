"""A presentation tree in English, as a teacher reads a formula aloud.

Begin with `heads.py`, a function for each head of the tree that spelling folds too; `spoken.py` has the
vocabulary. What a product *is* (inner, outer, entry by entry) follows from the kinds of its factors, in `kinds.py`.
Sentences about derivations are in `derivations/`.
"""
