"""The steps of a fit by an optimiser of second order: all samples, double precision, a method of `descent/`.

The method goes on from epoch to epoch. Where somebody else has changed the parameters in between, it begins anew there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symgrad.computing.functions import function
from symgrad.descent.fixed import lbfgs_fixed, relaxed
from symgrad.descent.iterate import Course, Iterate
from symgrad.descent.least_squares import gauss_newton, levenberg_marquardt
from symgrad.descent.newton import newton
from symgrad.descent.objective import Objective
from symgrad.descent.quasi import lbfgs
from symgrad.descent.structured import structured_solver
from symgrad.graphs.errors import SymgradError
from symgrad.language.tensor import wrap
from symgrad.minimising.degrees import ray_degree
from symgrad.minimising.squares import broken_weight, sum_of_squares
from symgrad.optim import Descent
from symgrad.training.dataset import Dataset
from symgrad.training.steps import Pass, by_batches
from symgrad.training.theta import Theta

SQUARES = ("gauss_newton", "levenberg_marquardt")


class Descending:
    """Steps of `optimizer` on the parameters of `weights`, for data of these sizes; see `Stepper`.

    The loss of an epoch is that after its steps, which is known: all samples were seen.
    """

    curves: tuple[str, ...] = ()
    gradients: Mapping[str, np.ndarray] = {}
    rates: Sequence[float] = ()
    done = 0

    def __init__(self, optimizer: Descent, weights: Theta, sizes: Mapping[Any, int], before: bool = False) -> None:
        self.optimizer, self.weights, self.sizes, self.before = optimizer, weights, dict(sizes), before
        self.net = weights.programs.net
        if self.net.masks:
            raise SymgradError(f"{optimizer.name} looks for the minimum of one loss, and dropout makes another one in "
                               "every step: train by Adam or another rule, or without dropout")
        self.trained = self.net.parameters[: len(self.net.parameters) - self.net.frozen]
        if not self.trained:
            raise SymgradError(f"{optimizer.name}: no parameter has a gradient other than zero, so nothing is trained")
        self.ended, self.rate = "", optimizer.lr
        self.f: Objective | None = None
        self.course: Course | None = None
        self.here: Iterate | None = None
        self.written = np.zeros(0)  # the parameters as this left them, in the precision of the model

    def begin(self, epoch: int) -> None:
        """An epoch of the fit begins."""

    def norm(self) -> float:
        """The norm of the gradient at the loss that was given last."""
        return self._norm

    def each(self, data: Dataset, names: Sequence[str], size: int | None,
             rng: np.random.Generator | None) -> Iterable[Pass]:
        """The steps of an epoch, one by one."""
        return by_batches(self, data, names, size, rng)

    def __call__(self, batch: Sequence[Any]) -> float:
        """Up to `max_iter` accepted steps; gives the loss after them or, if so asked, `before`."""
        if self.f is None:
            self.f = self._objective(batch)
        arrays = self.weights.arrays()
        x = self.f.joined([arrays[name].astype(float) for name, _ in self.trained])
        with np.errstate(all="ignore"):
            if self.course is None or self.here is None or not np.array_equal(x, self.written):
                self.course = self._started(x)
                self.here = next(self.course)
            loss, self._norm = self.here.loss, self.here.norm
            for _ in range(self.optimizer.max_iter):
                if not self._on():
                    break
        self._write(self.here.x)
        self._move(batch)
        if np.isfinite(loss) and not self.before:
            loss, self._norm = self.here.loss, self.here.norm
        return loss

    def _on(self) -> bool:
        """The next accepted point; False where the method has ended, for the reason that `ended` gives."""
        assert self.course is not None
        try:
            while not (there := next(self.course)).accepted:
                pass
        except StopIteration as stop:
            self.ended = stop.value.message
            return False
        self.here = there
        return bool(np.isfinite(there.loss))

    def _write(self, x: np.ndarray) -> None:
        assert self.f is not None
        for (name, _), piece in zip(self.trained, self.f.pieces(x), strict=True):
            self.weights.views[name][...] = self.weights.device.put(self.weights.converted(piece))
        arrays = self.weights.arrays()
        self.written = self.f.joined([arrays[name].astype(float) for name, _ in self.trained])

    def _move(self, batch: Sequence[Any]) -> None:
        """Running statistics, moved once, as by any step on these samples."""
        if not self.net.states:
            return
        arrays, given = self.weights.arrays(), (*self.net.parameters, *self.net.data)
        moved = function({name: wrap(node, node.attrs[0].over) for name, node in given},
                         [wrap(node) for _, node in self.net.states], sizes={s.name: n for s, n in self.sizes.items()})
        values = [*(arrays[name] for name, _ in self.net.parameters), *map(self.weights.device.get, batch)]
        for (name, _), new in zip(self.net.moved, moved(*values), strict=True):
            self.weights.views[name][...] = self.weights.device.put(self.weights.converted(np.asarray(new)))

    def _objective(self, batch: Sequence[Any]) -> Objective:
        """The loss with its data, parameters that are not trained among them."""
        host, name = self.weights.device.get, self.optimizer.name
        arrays = self.weights.arrays()
        data = {node: host(array) for (_, node), array in zip(self.net.data, batch, strict=True)}
        self.sizes |= {node.attrs[0].over: len(array) for node, array in data.items()
                       if isinstance(node.attrs[0].over, sp.Symbol)}
        data |= {node: arrays[name] for name, node in self.net.parameters[len(self.trained):]}
        variables, loss = [wrap(node, None) for _, node in self.trained], wrap(self.net.loss[1], None)
        squares = None
        if self.optimizer.method in SQUARES:
            squares = sum_of_squares(loss, variables)
            why = f"{loss}" if squares is None else broken_weight(squares, data, self.sizes)
            if squares is None or why:
                raise SymgradError(f"{name} needs a sum of squares, and the loss is not seen to be one: {why}")
        return Objective(loss, variables, data, self.sizes, squares.residuals if squares else ())

    def _started(self, x: np.ndarray) -> Course:
        """The method, from `x`."""
        f, lr = self.f, self.optimizer.lr
        assert f is not None
        if self.optimizer.method == "l-bfgs, fixed":
            return lbfgs_fixed(f, x, lr, self.optimizer.values["history_size"])
        if self.optimizer.method == "l-bfgs":
            return lbfgs(f, x, memory=self.optimizer.values["history_size"], lr=lr)
        method: Callable[[np.ndarray], Course]
        if self.optimizer.method == "newton":
            degree, solver = ray_degree(f.loss, f.variables), structured_solver(f)
            method = lambda x: newton(f, x, degree=degree, solver=solver)  # noqa: E731 - a method of a point alone
        else:
            least = gauss_newton if self.optimizer.method == "gauss_newton" else levenberg_marquardt
            method = lambda x: least(f, x)  # noqa: E731
        return method(x) if lr == 1 else relaxed(method, f, x, lr)
