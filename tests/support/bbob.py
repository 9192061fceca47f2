"""The 24 noiseless functions of BBOB 2009 (Hansen, Finck, Ros and Auger, RR-6829), by their authors' code in the library `cma`.

A function is solved where a method comes within 1e-8 of the least loss, in the box from -5 to 5 in each variable.
"""

import warnings

import numpy as np

from symgrad.searching.methods import WALKS
from symgrad.searching.space import Trials, box

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # cma says that there is no matplotlib
    from cma import bbobbenchmarks

NUMBERS = tuple(bbobbenchmarks.nfreeIDs)
PRECISION, HALF = 1e-8, 5.0


def function(number, instance):
    """A function of rows of points, and its least loss."""
    return bbobbenchmarks.instantiate(number, instance)


def evaluations(method, number, instance=1, n=5, budget=10_000, seed=0):
    """How many evaluations a method takes to solve a function of `n` variables; None where the budget does not do."""
    f, least = function(number, instance)
    trials = Trials(f, box(np.full(n, -HALF), np.full(n, HALF)), budget)
    for _ in WALKS[method].run(trials, np.random.default_rng(seed)):
        if trials.loss - least <= PRECISION:
            return budget - trials.left
    return None
