"""The proximal step of a convex function: argmin_z g(z) + |z - x|²/(2 s), as a formula.

A scalar and a variable come in, the node of the step goes out, or the reason why there is none. Begin with `steps.py`:
it takes a sum apart and reads its terms as functions of single numbers (`scalars.py`), of lengths, or of one product a'z
(`shapes.py`). Such a function is cut at its kinks (`kinks.py`), each piece is solved (`roots.py`), and the pieces are
put together again (`joining.py`). What users call is in `minimising/`.
"""
