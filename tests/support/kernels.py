"""Training kernels on the CPU: the fused step of a loss run alone, beside the NumPy program that it must equal."""

import math
from dataclasses import dataclass, replace
from typing import Any

import emulate
import numpy as np

import symgrad as sg
from symgrad.codegen.cuda.block import block_kernel
from symgrad.codegen.cuda.graph import graph_kernels
from symgrad.codegen.cuda.grid import grid_kernel
from symgrad.codegen.program.frame import DEVICE
from symgrad.codegen.program.step import stepping
from symgrad.codegen.python.job import Job
from symgrad.computing.backends import backend_of
from symgrad.training.network import closed, network
from symgrad.training.source import rule_of

ROOM = 232448  # bytes of shared memory that a block may have on cards of this decade


def stepping_of(loss, rule, dtype="float32"):
    """The step of a training as data, as a backend is handed it."""
    net, rule, module = network(closed(loss), None, {}, ""), rule_of(rule), backend_of("cupy").module(dtype)
    slopes = Job(module, "gradients", [*net.parameters, *net.data, *net.masks],
                 [net.loss, *net.gradients, *net.states], names=net.names,
                 comment=net.comment, sizes=net.sizes, quick=True)
    update = Job(module, "update", rule.inputs, rule.outputs, over=rule.overwritten, comment=rule.comments.get, doc=rule.title)
    return stepping(slopes, update, net, rule, DEVICE)


@dataclass
class Run:
    """What is left after some steps."""

    losses: np.ndarray
    vectors: dict[str, np.ndarray]
    failed: np.ndarray

    def same(self, other):
        """Are two runs the same to the last bit?"""
        return np.array_equal(self.losses, other.losses, equal_nan=True) and all(
            np.array_equal(a, other.vectors[name], equal_nan=True) for name, a in self.vectors.items())


@dataclass
class Trial:
    """A loss, a rule and data, in batches of `size`, by the kernel and by NumPy's program."""

    loss: Any
    rule: Any
    data: dict[str, np.ndarray]
    size: int
    steps: int = 4
    dtype: str = "float32"
    vessel: str = "block"
    precision: str = "float32"

    def __post_init__(self):
        self.step = stepping_of(self.loss, self.rule, self.dtype)
        self.kernel = {"block": block_kernel, "grid": grid_kernel, "graph": graph_kernels}[self.vessel](
            self.step, *([self.precision] if self.precision != "float32" else []))
        self.data = {name: np.ascontiguousarray(self.data[name], self.dtype if self.data[name].dtype.kind == "f" else None)
                     for name, _ in self.step.data}
        self.program = sg.generate(self.loss, optimizer=self.rule, dtype=self.dtype).load()
        count = len(next(iter(self.data.values())))
        self.order = np.random.default_rng(1).permutation(count)[:self.size * self.steps]
        self.cut = {name for name, node in self.step.data if node.attrs[0].over is not None and self.step.divisible}
        self.sizes = dict.fromkeys(self.kernel.sizes.values(), self.size)
        constants = "".join(f"constexpr int {name} = {n};\n" for name, n in self.sizes.items())
        self.text = f"namespace program {{\n{constants}{self.kernel.text}}}\n"
        self.shared = sum(-(-eval(length, {"max": max}, dict(self.sizes)) // 16) * 16 for length in self.kernel.lengths)
        try:
            self.params = self.program.init(3)
        except TypeError:
            self.params = self.program.init(3, list(self.data.values()))
        self.theta = self.program.flat(self.params)

    def rates(self):
        """The numbers of each step."""
        numbers = {"math": math, "np": np, "lr": self.program.LR, "of_step": vars(self.program).get("of_step")}
        rows = []
        for t in range(1, self.steps + 1):
            scope = {**numbers, "t": t}
            exec("\n".join(line.strip() for line in self.step.rates), scope)
            rows.append([scope[name] for name in self.step.numbers])
        return np.array(rows, self.dtype).reshape(-1)

    def kernel_run(self, order=emulate.FORWARD, text=None, skip=-1, data=None):
        """The steps by the kernel, on the CPU."""
        starts = rule_of(self.rule).states
        vectors = {name: self.theta.copy() if name == "theta" else np.full_like(self.theta, starts.get(name, 0))
                   for name in self.step.vectors}
        run = Run(np.zeros(self.steps, self.dtype), vectors, np.zeros(max(1, len(self.kernel.checked)), np.int32))
        given = {"order": self.order, "losses": run.losses, "failed": run.failed, "rates": self.rates(), "steps": np.int32(self.steps),
                 "memory": np.full(self.shared // 8 + 1, np.nan), "word": np.zeros(1, np.uint32)}
        arrays = data or self.data
        module = self.step.gradients.module
        constants = {name: module._value(node) for node, name in module.constants.items()}
        named = {"vector": vectors, "data": arrays, "constant": constants}
        arguments = [named[a.role][a.name] if a.role in named else given[a.role] for a in self.kernel.arguments]
        blocks, shared = (1, self.shared) if self.vessel == "block" else (3, 8 * 256 * 8)
        emulate.launch(text or self.text, "train", blocks, self.kernel.threads, shared, arguments, order, skip=skip)
        return run

    def numpy_run(self):
        """The same steps by NumPy's program."""
        state = self.program.begin(self.params)
        losses = []
        for k in range(self.steps):
            chosen = self.order[k * self.size:(k + 1) * self.size]
            losses.append(self.program.step(state, [a[chosen] if name in self.cut else a for name, a in self.data.items()]))
        return Run(np.array(losses), {name: state[name] for name in self.step.vectors}, np.zeros(1))

    def agrees(self, tolerance):
        """The run by the kernel: the same in three orders of the threads, and near NumPy's."""
        runs = [self.kernel_run(order) for order in (emulate.FORWARD, emulate.BACKWARD, emulate.RANDOM)]
        assert runs[0].same(runs[1]) and runs[0].same(runs[2]), "the threads' order shows"
        wanted = self.numpy_run()
        np.testing.assert_allclose(runs[0].losses, wanted.losses, tolerance, tolerance)
        for name, vector in wanted.vectors.items():
            np.testing.assert_allclose(runs[0].vectors[name], vector, tolerance, tolerance, err_msg=name)
        assert not runs[0].failed.any() and (self.shared <= ROOM or self.vessel == "grid")
        return runs[0]


def with_rule(trial, rule):
    """The same by another rule."""
    return replace(trial, rule=rule)
