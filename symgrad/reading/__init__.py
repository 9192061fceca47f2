"""Text into tensors: a formula as people type it, read and never evaluated.

A text with the shapes of its names comes in, tensors go out, or an error that points at the place. Begin with
`parser.py` (`sg.parse`), a walk over Python's syntax tree that may call what `vocabulary.py` lists and nothing else.
Formulas that are SymPy's come in by `exchange/`.
"""
