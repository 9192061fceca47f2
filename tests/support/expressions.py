"""Random expressions as a user would write them, from a program that hypothesis draws and shrinks.

A program is a list of steps (operation, first operand, second operand, variant), all of them small numbers that
are taken modulo what there is, so that every program means something. `grown(program, setting)` gives the
expression, with values for its symbols: smooth, of order 1, away from kinks.
"""

import math
from typing import NamedTuple

import numpy as np
import sympy as sp
from hypothesis import strategies as st

import symgrad as sg

N, M, T = sg.dims("n m T")
NUMBERS = {N: 3, M: 2, T: 4}
STEP = st.tuples(st.integers(0, 41), st.integers(0, 15), st.integers(0, 15), st.integers(0, 5))
PROGRAMS = st.lists(STEP, min_size=3, max_size=12)
SETTINGS = st.tuples(st.booleans(), st.booleans())  # symbolic sizes; a sample axis
s = sp.Symbol("s")
LARGEST = 300  # entries of one tensor


class Grown(NamedTuple):
    """The last tensor of a program, the real variables it can be differentiated by, arrays for all symbols."""

    tensor: sg.Tensor
    variables: list
    values: dict


def entries(t):
    return math.prod(int(sp.sympify(size).subs(NUMBERS)) for size in t.shape)


class Garden:
    """A pool of tensors that grows by one step at a time."""

    def __init__(self, symbolic, samples):
        n, m, over = (N, M, T) if symbolic else (3, 2, 4)
        over = over if samples else None
        rng = np.random.default_rng(0)
        self.values, self.variables, self.pool = {}, [], []
        for name, shape in (("x", (n,)), ("W", (m, n)), ("b", (m,)), ("r", (1, n)), ("e", (0, n)), ("c", ()), ("S", (n, n))):
            one = name in ("x", "r", "e") and samples  # what differs from sample to sample
            t = sg.data(name, shape, over=over) if one else sg.parameter(name, shape)
            self.add(t, rng.uniform(0.3, 1.2, self.numbers(t)) * rng.choice([-1, 1], self.numbers(t)))
            self.variables.append(t)
        self.noise = sg.data("z", n)  # no variable: what is stopped does not move
        self.values[self.noise] = rng.standard_normal(3)
        self.choice = sg.data("q", n, dtype="boolean")
        self.index = sg.labels("k", n, over=over)
        self.values[self.choice] = np.array([True, False, True])
        self.values[self.index] = rng.integers(0, 3, self.numbers(self.index))

    def numbers(self, t):
        return [int(sp.sympify(size).subs(NUMBERS)) for size in t.node.shape]

    def add(self, t, value):
        self.pool.append(t)
        self.values[t] = value

    def step(self, which, first, second, variant):
        pool = self.pool[-16:]
        p, q = pool[first % len(pool)], pool[second % len(pool)]
        try:
            made = OPERATIONS[which % len(OPERATIONS)](self, p, q, variant)
        except sg.ShapeError:  # these two do not fit together
            return
        if made.ndim <= 3 and entries(made) <= LARGEST:
            self.pool.append(made)


    def picked(self, p):
        """By the labels, which are 0, 1, 2."""
        fits = p.ndim and p.shape[-1] in (N, 3)
        return p[..., self.index] if fits else sg.expand_dims(p, -1)


def axis(p, variant):
    return variant % p.ndim if p.ndim else None


def tamed(p):
    """Of order 1, however large."""
    return p / sg.sqrt(1 + p * p)


OPERATIONS = [
    lambda g, p, q, v: sg.tanh(p), lambda g, p, q, v: sg.sin(p), lambda g, p, q, v: sg.sigmoid(p),
    lambda g, p, q, v: sg.softplus(p), lambda g, p, q, v: sg.gelu(p), lambda g, p, q, v: sg.exp(0.3 * tamed(p)),
    lambda g, p, q, v: sg.log(1 + p**2), lambda g, p, q, v: sg.sqrt(1 + p**2), lambda g, p, q, v: tamed(p) ** (2 + v),
    lambda g, p, q, v: (1.5 + sg.sin(p)) ** (0.5 + 0.25 * v), lambda g, p, q, v: sg.arctan(p), lambda g, p, q, v: sg.erf(p),
    lambda g, p, q, v: sg.elementwise(s * sp.exp(-(s**2)) + sp.cos(s), p), lambda g, p, q, v: sg.relu(p + 0.017) + sg.abs(p - 0.013),
    lambda g, p, q, v: sg.where(g.choice, p, 0.5 * q), lambda g, p, q, v: sg.maximum(p, 0.37 * q + 0.0123),
    lambda g, p, q, v: p + q, lambda g, p, q, v: p - 2 * q, lambda g, p, q, v: p * q, lambda g, p, q, v: p / (1 + q * q),
    lambda g, p, q, v: (v - 2) * p + 0.1, lambda g, p, q, v: p @ q, lambda g, p, q, v: p.mT @ q, lambda g, p, q, v: p @ p.T,
    lambda g, p, q, v: sg.einsum("...,...->...", p, q), lambda g, p, q, v: sg.outer(tamed(p), tamed(q)),
    lambda g, p, q, v: sg.sum(p, axis(p, v), keepdims=v > 2), lambda g, p, q, v: sg.mean(p, axis(p, v), keepdims=v > 2),
    lambda g, p, q, v: sg.logsumexp(p, axis(p, v)) if entries(p) else p, lambda g, p, q, v: sg.softmax(p, -1 - v % max(p.ndim, 1)),
    lambda g, p, q, v: sg.log_softmax(p), lambda g, p, q, v: sg.max(p + 0.0071 * q, axis(p, v)), lambda g, p, q, v: p.T,
    lambda g, p, q, v: p.reshape((-1,)), lambda g, p, q, v: p[..., ::-1], lambda g, p, q, v: p[(None, 0, slice(1, None),
                                                                                                 slice(None, -1))[v % 4]],
    lambda g, p, q, v: sg.concatenate([p, tamed(q)], axis(p, v) or 0), lambda g, p, q, v: sg.stack([p, q], v % (p.ndim + 1)),
    lambda g, p, q, v: g.picked(p), lambda g, p, q, v: tamed(p).named("abcdef"[v]), lambda g, p, q, v: sg.var(p, axis(p, v)),
    lambda g, p, q, v: (p - sg.mean(q, over=q.over)) if q.over is not None and v == 0 else p * sg.stop_gradient(sg.tanh(g.noise)),
]


def grown(program, setting):
    """The expression of a program: the last tensor that is not empty, tamed."""
    garden = Garden(*setting)
    for step in program:
        garden.step(*step)
    last = next(t for t in reversed(garden.pool) if entries(t))
    return Grown(tamed(last), garden.variables, garden.values)
