"""Optimisers: rows of formulas, early stopping."""

from symgrad.optim.rows import SGD as SGD
from symgrad.optim.rows import Adagrad as Adagrad
from symgrad.optim.rows import Adam as Adam
from symgrad.optim.rows import AdamW as AdamW
from symgrad.optim.rows import RMSprop as RMSprop
from symgrad.optim.stopping import EarlyStopping as EarlyStopping
from symgrad.optim.updates import Formulas as Formulas
from symgrad.optim.updates import Optimizer as Optimizer
from symgrad.optim.updates import rule as rule
