"""Graphs into equal graphs: stable ones before differentiation, shorter ones after it.

Begin with `stable.py`, the pass that every formula takes before it is derived or computed, and with
`simplification.py`, what `sg.simplify` does. A rewrite is a pure function of its nodes and of what symbols declare; it
never makes a graph that is right at fewer points. What each constructor does by itself is in `algebra/`, what costs
less to compute but reads worse in `codegen/lowering/`.
"""
