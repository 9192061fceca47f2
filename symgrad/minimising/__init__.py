"""Stationary points in closed form, what kind of point they are, and proximal steps.

A loss and its variables come in; formulas of the minimiser go out, or the reason why there are none. Begin with
`stationary.py` (`sg.solve_stationary`) and `curvature.py` (`sg.classify`); `prox.py` is `sg.prox`. What a loss is, for
those who choose a method: `squares.py`, `degrees.py`. The algebra is in `graphs/stationary/` and `graphs/proximal/`;
minimising by steps is in `descent/`.
"""
