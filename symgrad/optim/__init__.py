"""Optimisers: rows of formulas, schedules of the learning rate, early stopping."""

# Begin with `optimisers.py`: each is the text of its update rule and its numbers. `rules.py` reads such a text,
# `updates.py` makes nodes of it, `passes.py` moves its scalars together for few passes over the parameters; LaTeX and the
# code of a step follow. `schedules.py` has formulas for the learning rate, `linear.py` says how fast a rule is. The loop
# is in training/.

from symgrad.language.habits import OPTIM, hints
from symgrad.optim.clipping import clip_norm as clip_norm
from symgrad.optim.optimisers import SGD as SGD
from symgrad.optim.optimisers import Adagrad as Adagrad
from symgrad.optim.optimisers import Adam as Adam
from symgrad.optim.optimisers import AdamW as AdamW
from symgrad.optim.optimisers import RMSprop as RMSprop
from symgrad.optim.pace import Schedule as Schedule
from symgrad.optim.printed import Formulas as Formulas
from symgrad.optim.rules import rule as rule
from symgrad.optim.schedules import CosineLR as CosineLR
from symgrad.optim.schedules import ExponentialLR as ExponentialLR
from symgrad.optim.schedules import ReduceOnPlateau as ReduceOnPlateau
from symgrad.optim.schedules import StepLR as StepLR
from symgrad.optim.schedules import Warmup as Warmup
from symgrad.optim.schedules import schedule as schedule
from symgrad.optim.second_order import LBFGS as LBFGS
from symgrad.optim.second_order import Descent as Descent
from symgrad.optim.second_order import GaussNewton as GaussNewton
from symgrad.optim.second_order import LevenbergMarquardt as LevenbergMarquardt
from symgrad.optim.second_order import Newton as Newton
from symgrad.optim.stopping import EarlyStopping as EarlyStopping
from symgrad.optim.updates import Optimizer as Optimizer

__getattr__ = hints(__name__, OPTIM)
