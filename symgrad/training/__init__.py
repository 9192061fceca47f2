"""A loss fitted to data: the model, its program, the loop, what it leaves behind.

A loss and arrays come in; fitted parameters, a history and the text of the program go out. Begin with `model.py`
(`sg.Model`) and `source.py` (`sg.generate`): the model runs the very text that `sg.generate` gives. `fitting.py` is the
loop, `dataset.py` cuts minibatches. Update rules are in `optim/`, the text of a program in `codegen/program/`.
"""
