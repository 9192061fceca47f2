"""The mathematics: nodes of the tensor algebra, its primitives, rewrites, derivatives and structure.

This room knows no text and no arrays: printers live in `symgrad`, the spelling of NumPy in `symgrad.codegen`.
It imports neither.
"""
