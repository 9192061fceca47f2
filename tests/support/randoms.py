"""Random graphs over a few inputs, with every primitive, for tests against `reference.py`."""

import random
from fractions import Fraction

import numpy as np
import sympy as sp

from symgrad.graphs.algebra import primitives as pr
from symgrad.graphs.algebra.einsum import contract, literal, ones, zeros
from symgrad.graphs.algebra.rows import ROWS
from symgrad.graphs.node import Array, Symbol
from symgrad.graphs.sizes import dim
from symgrad.graphs.weights import weight

A, B = dim("a"), dim("b")
NUMBERS = {A: 2, B: 3}
TAME = ("tanh", "sin", "cos", "sigmoid", "relu", "softplus", "arctan", "erf", "gelu", "silu", "abs", "expm1", "exp")
POSITIVE = ("log", "sqrt", "reciprocal", "log1p", "log_or_zero")
STEPS = ("sign", "floor")


def concrete(size):
    return size if isinstance(size, int) else int(size.subs(NUMBERS))


class Maker:
    """Random nodes over a few inputs; sizes are 0, 1, 2, 3 or the symbols a = 2, b = 3."""

    def __init__(self, seed, symbolic):
        self.r = random.Random(seed)
        self.rng = np.random.default_rng(seed)
        self.sizes = [A, B, 1, 0, 2] if symbolic else [2, 3, 1, 0, 4]
        self.chance = [5, 5, 2, 1, 2]
        self.factors = [1 / A, A / B, -2 / (3 * B), sp.sqrt(A)] if symbolic else []
        self.pool, self.inputs, self.arrays = [], [], {}
        for i, rank in enumerate([2, 1, 2, 3, 0, 1, 2]):
            shape = tuple(self.r.choices(self.sizes[:3], self.chance[:3], k=rank))
            self.input(f"x{i}", shape, "integer" if i == 5 else "boolean" if i == 6 else "real")
        if symbolic:
            self.input("s", (A, B), "real")
        self.pool += [ones(self.shape(2)), zeros(self.shape(1)), literal(2.5)]
        self.pool.append(contract([], [], [0, 0], {0: self.sizes[0]}))
        self.pool.append(pr.constant(Array("c", None, np.array([1.5, -2.0])), (2,), "real"))

    def shape(self, rank):
        return tuple(self.r.choices(self.sizes, self.chance, k=rank))

    def input(self, name, shape, dtype):
        node = pr.input_node(Symbol("data", name), shape, dtype)
        sizes = [concrete(s) for s in shape]
        value = {"real": lambda: self.rng.standard_normal(sizes),
                 "integer": lambda: self.rng.integers(-3, 4, sizes),
                 "boolean": lambda: self.rng.random(sizes) < 0.5}[dtype]()
        self.pool.append(node)
        self.inputs.append(node)
        self.arrays[name] = np.asarray(value)

    def pick(self, test=lambda n: True):
        found = [n for n in self.pool if test(n)]
        return self.r.choice(found[-12:] if self.r.random() < 0.7 else found) if found else None

    def to(self, node, shape):
        """`node` broadcast to `shape` along axes that fit; a literal where none do."""
        labels, free = [], list(range(len(shape)))
        for size in node.shape:
            fit = [i for i in free if shape[i] == size]
            if not fit:
                return literal(self.r.choice([0.5, 2, -1, 3, 0.1]), shape)
            labels.append(self.r.choice(fit))
            free.remove(labels[-1])
        return contract([node], [labels], range(len(shape)), dict(enumerate(shape)))

    def step(self):
        make = self.r.choice([self.einsum, self.einsum, self.einsum, self.view, self.add, self.add, self.unary,
                              self.unary, self.binary, self.compare, self.reduce, self.soft, self.slice, self.pad,
                              self.concat, self.reshape, self.gather, self.scatter, self.name])
        node = make()
        if node is not None and len(node.shape) <= 4:
            self.pool.append(node)

    def labels(self, node):
        return [(size, self.r.randrange(2)) for size in node.shape]

    def einsum(self):
        nodes = [self.pick() for _ in range(self.r.choice([1, 2, 2, 3, 4]))]
        inputs = [self.labels(n) for n in nodes]
        held = list(dict.fromkeys(x for labels in inputs for x in labels))
        out = self.r.sample(held, min(len(held), self.r.choice([0, 1, 2, 2, 3])))
        return contract(nodes, inputs, out)

    def view(self):
        node = self.pick()
        labels = self.labels(node)
        held = list(dict.fromkeys(labels))
        self.r.shuffle(held)
        new = [(s, 9) for s in self.shape(self.r.choice([0, 0, 1]))]
        out = held + new
        if out and self.r.random() < 0.4:
            out.append(self.r.choice(out))
        return contract([node], [labels], out, {x: x[0] for x in new})

    def add(self):
        first = self.pick()
        terms = [first, *(self.to(self.pick(), first.shape) for _ in range(self.r.choice([1, 1, 2])))]
        self.r.shuffle(terms)
        by = [self.r.choice([1, 1, -1, 2, 0.5, -0.3, Fraction(2, 3), sp.sqrt(2), *self.factors]) for _ in terms]
        return pr.add(terms, [weight(w) for w in by])

    def unary(self):
        node = self.pick()
        if self.r.random() < 0.25:
            shifted = pr.add([contract([node, node], [range(len(node.shape))] * 2, range(len(node.shape))),
                              literal(1, node.shape)])
            return pr.elementwise(self.r.choice(POSITIVE), [shifted])
        if node.op == "input" and self.r.random() < 0.3:
            return pr.elementwise(self.r.choice(STEPS), [node])
        inner = pr.elementwise("tanh", [node]) if self.r.random() < 0.5 else pr.scale(node, weight(0.25))
        return pr.elementwise(self.r.choice(TAME), [inner])

    def binary(self):
        first = self.pick()
        row = self.r.choice(["maximum", "minimum", "where", "clip", "leaky_relu", "elu", "power"])
        if row == "power":
            return pr.elementwise(row, [first, literal(self.r.choice([3, 4, 5, 7]), first.shape)])
        if row in ("leaky_relu", "elu"):
            return pr.elementwise(row, [first, literal(self.r.choice([0.01, 1.5]), first.shape)])
        others = [self.to(self.pick(), first.shape) for _ in range(ROWS[row].arity - 1)]
        if row == "where":
            first = self.truth(first)
        return pr.elementwise(row, [first, *others])

    def truth(self, node):
        return pr.elementwise("less", [self.to(self.inputs[0], node.shape), literal(0.3, node.shape)])

    def compare(self):
        first = self.pick(lambda n: n.op == "input")
        other = self.to(self.pick(lambda n: n.op == "input"), first.shape)
        test = pr.elementwise(self.r.choice(["less", "less_equal", "greater", "greater_equal", "equal", "not_equal"]),
                              [first, other])
        if self.r.random() < 0.5:
            return test
        if self.r.random() < 0.3:
            return pr.elementwise("logical_not", [test])
        return pr.elementwise(self.r.choice(["logical_and", "logical_or"]), [test, self.to(first, first.shape)])

    def reduce(self):
        node = self.pick(lambda n: n.shape and 0 not in n.shape)
        axes = self.r.sample(range(len(node.shape)), self.r.randint(1, len(node.shape)))
        if node.op == "input" and self.r.random() < 0.4:
            return pr.argument(self.r.choice(["argmax", "argmin"]), node, axes[0])
        return pr.reduction(self.r.choice(["max", "min", "logsumexp"]), node, axes)

    def soft(self):
        node = self.pick(lambda n: n.shape and 0 not in n.shape)
        return pr.softmax(node, self.r.sample(range(len(node.shape)), self.r.randint(1, len(node.shape))))

    def cuts(self, shape):
        starts, steps, sizes = [], [], []
        for size in shape:
            n = concrete(size)
            start, stop = self.r.choice([None, 0, 1, -1]), self.r.choice([None, 2, n])
            whole = range(n)[start:stop:self.r.choice([1, 1, 2, -1, -2])]
            if self.r.random() < 0.3:
                cut = (0, 1, size)
            elif self.r.random() < 0.4 and size != 0:
                cut = (size - 1, -1, size)
            else:
                cut = (whole.start if len(whole) else 0, whole.step, len(whole))
            starts.append(cut[0])
            steps.append(cut[1])
            sizes.append(cut[2])
        return starts, steps, tuple(sizes)

    def slice(self):
        node = self.pick()
        return pr.slices(node, *self.cuts(node.shape))

    def pad(self):
        shape = self.shape(self.r.choice([1, 2]))
        starts, steps, sizes = self.cuts(shape)
        return pr.pad(self.to(self.pick(), sizes), starts, steps, shape)

    def concat(self):
        first = self.pick(lambda n: n.shape)
        axis = self.r.randrange(len(first.shape))
        nodes = [first, self.to(self.pick(), first.shape)]
        self.r.shuffle(nodes)
        return pr.concat(nodes, axis, first.shape[axis] * 2)

    def reshape(self):
        node = self.pick(lambda n: len(n.shape) >= 2)
        if node is None:
            return None
        return pr.reshape(node, (node.shape[0] * node.shape[1], *node.shape[2:]))

    def indices(self, sizes):
        """Integer tensors of one shape, each in range for its size."""
        shape = self.shape(self.r.choice([0, 1, 2]))
        result = []
        for size in sizes:
            n = concrete(size)
            if shape and self.r.random() < 0.4 and concrete(shape[0]) <= n:
                result.append(contract([pr.iota(shape[0])], [[0]], range(len(shape)), dict(enumerate(shape))))
            elif self.r.random() < 0.2:
                zero = pr.constant(Array("zero", None, np.array(0)), (), "integer")
                result.append(contract([zero], [[]], range(len(shape)), dict(enumerate(shape))))
            else:
                value = self.rng.integers(-n, n, [concrete(s) for s in shape])
                result.append(pr.constant(Array(f"i{self.rng.random()}", None, np.asarray(value)), shape, "integer"))
        return result

    def gather(self):
        node = self.pick(lambda n: n.shape and 0 not in n.shape)
        axes = self.r.sample(range(len(node.shape)), self.r.randint(1, min(2, len(node.shape))))
        return pr.gather(node, self.indices([node.shape[a] for a in axes]), axes)

    def scatter(self):
        shape = tuple(self.r.choices([s for s in self.sizes if s != 0], k=self.r.choice([1, 2, 3])))
        axes = self.r.sample(range(len(shape)), self.r.randint(1, min(2, len(shape))))
        indices = self.indices([shape[a] for a in axes])
        wanted = indices[0].shape + tuple(s for i, s in enumerate(shape) if i not in axes)
        return pr.scatter(self.to(self.pick(), wanted), indices, axes, shape)

    def name(self):
        return pr.named(self.pick(), self.r.choice(["a^1", "G_{a^1}", "lambda", "x1", "np", "Σ"]))
