"""Random matrices with structure: sums of products of vectors, matrices and deltas, for tests against `reference.py`."""

import random

import numpy as np

from symgrad.graphs.algebra import primitives as pr
from symgrad.graphs.algebra.einsum import contract
from symgrad.graphs.node import Symbol
from symgrad.graphs.sizes import dim
from symgrad.graphs.weights import weight

MIRROR = {"i": "k", "j": "l"}  # the column axis of each row axis


class Matrix:
    """A random `node` with axes batch (z or none), rows (i, j) and columns (k, l); `arrays` and `numbers` for it."""

    def __init__(self, seed):
        self.r, self.rng = random.Random(seed), np.random.default_rng(seed)
        self.count = {"z": 2, "i": 3, "j": self.r.choice([2, 1]), "s": 4, "t": 5}
        symbolic = self.r.random() < 0.5
        self.size = {x: dim(x) if symbolic and n != 1 else n for x, n in self.count.items()}
        for row, column in MIRROR.items():
            self.count[column], self.size[column] = self.count[row], self.size[row]
        self.arrays, self.pool = {}, {}
        self.batch = self.r.choice(["", "", "z"])
        self.rows = self.r.choice(["i", "ij", "ij"])
        self.columns = "".join(MIRROR[x] for x in self.rows)
        self.out = self.batch + self.rows + self.columns
        self.node = self.sum(2)
        self.numbers = {size: self.count[x] for x, size in self.size.items() if not isinstance(size, int)}

    def leaf(self, labels):
        key = "".join({"k": "i", "l": "j"}.get(x, x) for x in labels)
        name = f"{key}{self.r.randint(0, 1)}"
        if name not in self.pool:
            self.pool[name] = pr.input_node(Symbol("data", name), tuple(self.size[x] for x in key), "real")
            self.arrays[name] = self.rng.standard_normal([self.count[x] for x in key])
        node = self.pool[name]
        if self.r.random() < 0.3:
            node = pr.elementwise(self.r.choice(["tanh", "sin"]), [node])
        return pr.named(node, "N" + name) if self.r.random() < 0.2 else node

    def product(self, depth):
        same = {MIRROR[x]: x for x in self.rows if self.r.random() < 0.45}  # deltas
        out = [same.get(x, x) for x in self.out]
        nodes, labels = [], []
        mirrored = self.r.random() < 0.5
        for _ in range(self.r.randint(1, 3)):
            found = [x for x in [*dict.fromkeys(out), "s", "t"] if not (mirrored and x in self.columns)]
            chosen = tuple(self.r.sample(found, min(len(found), self.r.choice([1, 1, 2, 2, 3]))))
            nodes.append(self.leaf(chosen))
            labels.append(chosen)
            if mirrored:
                turned = [MIRROR[x] if x in self.rows else x for x in chosen]
                nodes.append(nodes[-1])
                labels.append(tuple(same.get(x, x) for x in turned))
        if depth and self.r.random() < 0.4:
            nodes.append(self.sum(depth - 1))
            labels.append(tuple(out))
        used = {x for names in (out, *labels) for x in names}
        return contract(nodes, labels, out, {x: self.size[x] for x in used})

    def sum(self, depth):
        terms = [self.product(depth) for _ in range(self.r.choice([1, 1, 2, 3]))]
        if self.r.random() < 0.4:
            eye = self.batch + self.rows
            terms.append(contract([], [], eye + self.rows, {x: self.size[x] for x in eye}))
        return pr.add(terms, [weight(self.r.choice([1, 1, -1, 2, 0.5])) for _ in terms])

    def vector(self, name, labels, extra):
        """A symbol with the axes batch, `labels` and `extra`, and random values for it."""
        axes = self.batch + labels
        self.arrays[name] = self.rng.standard_normal([*(self.count[x] for x in axes), *extra])
        return pr.input_node(Symbol("data", name), (*(self.size[x] for x in axes), *extra), "real")
