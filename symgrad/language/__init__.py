"""What people write: tensors, symbols, operations.

Python and NumPy values come in, tensors go out: an interned wrapper around a node, with a sample axis. Begin with
`tensor.py` and `symbols.py`; each operation is a function in the file of its kind, with its shape check, and
`methods.py` is the one place where tensors get them as operators and methods. No mathematics: an operation ends in a
constructor of `graphs/algebra/`.
"""
