"""A loss fitted to data: the model, its program, the loop, what it leaves behind.

A loss and arrays come in; fitted parameters, a history and the text of the program go out. Begin with `model.py`
(`sg.Model`) and `source.py` (`sg.generate`): the model runs the very text that `sg.generate` gives. A loss becomes
named nodes in `network.py`, the numbers are in `theta.py`, `dataset.py` cuts minibatches, `fitting.py` is the loop,
`course.py` remembers where it stands. Update rules are in `optim/`, the text of a program in `codegen/program/`.
"""
