"""Text into tensors: a formula as people type it, as it is printed, as papers set it; read and never evaluated.

A text with the shapes of its names comes in, tensors go out, or an error that points at the place. Begin with
`parser.py` (`sg.parse`), which tries two grammars: Python's (`python_text.py`, a walk over its syntax tree that may call
what `vocabulary.py` lists and nothing else), then that of mathematics (`formula.py`), whose tokens come from Unicode
(`tokens.py`) or from LaTeX (`tex.py`), whose tree is one (`pratt.py`), and whose parts are worth what `meaning.py` says.
Formulas that are SymPy's come in by `exchange/`.
"""
