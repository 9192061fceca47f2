"""A plan as Python on NumPy or CuPy: names, statements, modules.

Begin with `job.py`, what is to be written, and `emit.py`, the text of a function to be read; `inplace_emit.py` writes
the same function with `out=` on arrays that are kept. `spell.py` is the table of how each array expression is written,
`libraries.py` what differs between array libraries. The text is all there is to run: `load.py` compiles it, and nothing
else of symgrad is needed by it.
"""
