"""`sg.landscape`, `sg.plot` and `sg.heatmap`: losses as contours and surfaces, with the paths that minimisers took.

Begin with `landscape.py`: a plane in the space of all parameters (`plane.py`), the part of it that is shown (`window.py`),
paths (`paths.py`), stationary points (`critical.py`). `plotting.py` draws curves of histories, `maps.py` numbers that are
there already. Points on paper are in `drawing/pictures/`.
"""
