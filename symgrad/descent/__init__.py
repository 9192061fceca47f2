"""Methods that go down: gradient, Newton and their kin, on a vector of numbers.

A loss with its data comes in as an `Objective` (`objective.py`); a method is a generator of `Iterate`s, trial points
included (`iterate.py`), and says at its end how it went. Who drives it keeps the history. Begin with `objective.py`, then
`gradient.py`. What needs formulas (blocks, splittings, the choice of a method) is in `minimisers/`.
"""
