"""Formulas of other libraries, to and fro: SymPy's into tensors, tensors into explicit SymPy.

Begin with `from_sympy.py` and `sympy_rules.py` (one rule per class of SymPy) for the way in, with `to_sympy.py` and
`explicit.py` (one rule per operation of the graph) for the way out. Scalar formulas of elementwise functions are not
read here: they are part of the algebra, in `graphs/algebra/formulas.py`.
"""
