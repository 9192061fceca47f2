"""Identities of matrix calculus as the literature prints them: one row each, by theme, with its source.

A row is five texts: source, symbols, derivative, expression, claim. The claim is the right-hand side as the source
states it, in our layout (gradients have the shape of the variable, Jacobians are y.shape + x.shape) and written
without any derivative, so that it does not know what symgrad derives. `build` makes tensors of a row.

Symbols: `X:n,d` is a matrix of two symbolic sizes, `t:` a scalar, `S:n,n:symmetric` declares a fact. The size p is
smaller than q and r. What follows `~` asks for values only and declares nothing: `A:n,n~regular` (far from singular),
`P:n,n~definite` (symmetric and positive definite), `x:n~positive`, `u:n~apart` (entries far from 0 and from each
other). So a variable keeps independent entries: derivatives are ambient.

Derivative: `gradient X`, `jacobian X`, `hessian x` (or `hessian U V`), `differential X Y`: the change of the
expression along dX and dY, the sum of one directional derivative for each variable.

Equation numbers of the Cookbook are those of its version of 15 November 2012. Magnus and Neudecker state Jacobians
of vec F by vec X; `unvec` lays theirs out as ours.
"""

from dataclasses import dataclass
from typing import NamedTuple

import symgrad as sg

from . import (
    determinants,
    elementwise,
    gaussians,
    inverses,
    kronecker,
    linear_forms,
    losses,
    norms,
    quadratic_forms,
    second_order,
    traces,
)

THEMES = (linear_forms, quadratic_forms, traces, determinants, inverses, norms, elementwise, kronecker, gaussians,
          losses, second_order)
WORKS = {
    "Cookbook": "Petersen and Pedersen, The Matrix Cookbook (2012)",
    "Magnus-Neudecker": "Magnus and Neudecker, Matrix Differential Calculus, 3rd edition (2019)",
    "Laue 2018": "Laue, Mitterreiter and Giesen, Computing Higher Order Derivatives of Matrix and Tensor Expressions (2018)",
    "Laue 2020": "Laue, Mitterreiter and Giesen, A Simple and Efficient Tensor Calculus (2020)",
    "Hastie": "Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, 2nd edition (2009)",
    "Bishop": "Bishop, Pattern Recognition and Machine Learning (2006)",
    "Boyd-Vandenberghe": "Boyd and Vandenberghe, Convex Optimization (2004)",
    "McCullagh-Nelder": "McCullagh and Nelder, Generalized Linear Models, 2nd edition (1989)",
    "Lee-Seung": "Lee and Seung, Algorithms for Non-negative Matrix Factorization (2001)",
    "Giles": "Giles, Collected Matrix Derivative Results for Forward and Reverse Mode Algorithmic Differentiation (2008)",
}
SIZES = {name: sg.dim(name) for name in "nmdkpqr"}


class Row(NamedTuple):
    """One identity, as text."""

    source: str
    symbols: str
    derivative: str
    expression: str
    claim: str


@dataclass(frozen=True)
class Identity:
    """One identity, as tensors. `values` says what values a symbol takes, by its tensor."""

    row: Row
    symbols: tuple
    values: dict
    variables: tuple
    directions: tuple
    y: sg.Tensor
    derived: sg.Tensor
    claim: sg.Tensor

    @property
    def kind(self):
        return self.row.derivative.split()[0]


def rows():
    """All rows in the order of the themes."""
    return [Row(*row) for theme in THEMES for row in theme.ROWS]


def vec(X):
    """The columns of X, one below the other."""
    return X.T.reshape((-1,))


def unvec(M, X):
    """A Jacobian of a vector by vec X, of shape (p, n d), as one by X, of shape (p, n, d)."""
    n, d = X.shape
    return sg.transpose(M.reshape((M.shape[0], d, n)), (0, 2, 1))


WORDS = {name: getattr(sg, name) for name in sg.__all__} | {
    "tr": sg.trace, "vec": vec, "unvec": unvec, "J": lambda i, j, X: sg.outer(sg.eye(X.shape[0])[i], sg.eye(X.shape[1])[j])}


def symbol(spec):
    """`X:n,d:symmetric~regular` as a symbol and the kind of its values."""
    spec, _, values = spec.partition("~")
    name, shape, *facts = spec.split(":")
    shape = tuple(SIZES.get(size) or int(size) for size in shape.split(",") if size)
    return sg.data(name, shape, **dict.fromkeys(facts, True)), values


def build(row):
    """The tensors of a row."""
    made = [symbol(spec) for spec in row.symbols.split()]
    names = {t.name: t for t, _ in made}
    kind, *variables = row.derivative.split()
    variables = [names[v] for v in variables]
    directions = [sg.data(f"d{v.name}", v.shape) for v in variables] if kind == "differential" else []
    words = {**WORDS, **SIZES, **names, **{t.name: t for t in directions}}
    y = eval(row.expression, words)
    derived = {"gradient": sg.gradient, "jacobian": sg.jacobian, "hessian": sg.hessian, "differential": differential}[kind](
        y, *([variables, directions] if kind == "differential" else variables))
    return Identity(row, tuple(t for t, _ in made), dict(made), tuple(variables), tuple(directions), y, derived,
                    eval(row.claim, words))


def differential(y, variables, directions):
    """The change of y along a direction of each variable."""
    first, *rest = (sg.jvp(y, x, v) for x, v in zip(variables, directions))
    return sum(rest, first)
