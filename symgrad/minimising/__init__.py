"""Stationary points in closed form, and what kind of point they are.

A loss and its variables come in; formulas of the minimiser go out, or the reason why there are none. Begin with
`stationary.py` (`sg.solve_stationary`) and `curvature.py` (`sg.classify`). What a loss is, for those who choose a method:
`squares.py`, `degrees.py`. The algebra is in `graphs/stationary/`; minimising by steps is in `descent/`.
"""
