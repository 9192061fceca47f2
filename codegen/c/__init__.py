"""A plan as C, and the Python around it that checks arrays and hands pointers over.

The same steps come in as for Python, and a Python module with C inside it goes out. Begin with `emit.py`, then
`writers.py`, the table of who writes which operation. A new language would be a folder like this one beside it; what two
of them share belongs in `plan/` and `lowering/`.
"""
