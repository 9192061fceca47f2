"""`sg.minimize`: a loss, its variables and data come in; the minimum goes out, with the reason of the method.

Begin with `minimize.py`. What is asked is checked in `problem.py`, `choice.py` reads the formula for the method that fits
it, `course.py` drives it. Methods that need formulas are here: blocks (`blocks.py`, `coordinates.py`), sums of what is
smooth and what is not (`split.py`, `proximal.py`, `splitting.py`), mixtures (`mixtures.py`), sets (`sets.py`). The methods
on vectors are in `descent/`, populations in `searching/`.
"""
