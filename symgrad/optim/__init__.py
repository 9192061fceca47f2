"""Optimisers: rows of formulas, early stopping."""

# Begin with `optimisers.py`: each is the text of its update rule and its numbers. `updates.py` reads such a text,
# `passes.py` moves its scalars together for few passes over the parameters; LaTeX and the code of a step follow. The
# loop is in training/.

from symgrad.optim.optimisers import SGD as SGD
from symgrad.optim.optimisers import Adagrad as Adagrad
from symgrad.optim.optimisers import Adam as Adam
from symgrad.optim.optimisers import AdamW as AdamW
from symgrad.optim.optimisers import RMSprop as RMSprop
from symgrad.optim.stopping import EarlyStopping as EarlyStopping
from symgrad.optim.updates import Formulas as Formulas
from symgrad.optim.updates import Optimizer as Optimizer
from symgrad.optim.updates import rule as rule
