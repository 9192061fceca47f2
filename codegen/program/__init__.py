"""The standalone training program: formulas as functions, and a command line around them.

A network (loss, gradients, parameters, data as named nodes: `network.py`) and an update rule come in, the text of a
module goes out that trains without symgrad. Begin with `module.py`; what is the same for every model is text in
`frame.py` and `loop.py`, the step in `step.py`. Which nodes make the network is decided above, in `training/`.
"""
