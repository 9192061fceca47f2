"""A derivative step by step, as a lecture derives it: its documents, its words, its proof by numbers.

A loss comes in, a derivation goes out: data (`transcript.py`) made by two passes over boxes (`steps.py`), and text only
when asked. Begin with `derivation.py` (`sg.derive`). Steps hold graphs, never text; a document is one more reading of
the same steps.
"""
