"""Programs that meet one another's expressions, and a process that runs them alone and together.

`python sessions.py SEED ORDERS` runs every program alone, each in a process of its own that has imported symgrad (all its
modules, once for all processes) and made nothing, and then all of them in one process in ORDERS random orders; it prints,
as JSON, what differs. Nothing may differ.
"""

import importlib
import json
import os
import pickle
import pkgutil
import random
import sys

import numpy as np

import symgrad as sg


def symbols():
    """The same few symbols in every program, so that expressions coincide."""
    return (sg.data("x", 3), sg.parameter("w", 3), sg.parameter("A", (3, 3)), sg.data("p", 3, simplex=True),
            sg.data("S", (3, 3), symmetric=True), sg.data("z", 3, over=sg.dim("T")))


VALUES = {"x": np.array([0.3, -1.2, 40.0]), "w": np.array([0.7, 0.1, -35.0]), "A": np.arange(9.0).reshape(3, 3) / 7 - 0.4,
          "p": np.array([0.2, 0.3, 0.5]), "S": np.array([[2.0, 1, 0], [1, 3, 1], [0, 1, 5]]),
          "z": np.array([[0.1, 0.2, 0.3], [1.0, -2.0, 3.0]])}


def told(t, values=True):
    """Everything that a tensor says: text, LaTeX, code, numbers."""
    inputs = [s for s in symbols() if s.node in nodes_of(t)]
    f = sg.function(inputs, t)
    said = [str(t), t.latex(), f.source, sorted(sg.graph(t).nodes[k]["kind"] for k in sg.graph(t))]
    if values:
        at = {s.name: VALUES[s.name] for s in inputs}
        with np.errstate(all="ignore"):
            said += [np.asarray(f(**at)).tobytes().hex(), np.asarray(t.eval(**at)).tobytes().hex()]
    return said


def nodes_of(t):
    return {d["tensor"].node for _, d in sg.graph(t).nodes(data=True)}


def entropy_by_hand(keep):
    x, *_ = symbols()
    y = sg.sum(sg.sigmoid(x) * (1 - sg.sigmoid(x)))
    g = sg.gradient(y, x)
    return told(y) + told(g) + told(sg.hessian(y, x))


def a_derived_sigmoid(keep):
    x, *_ = symbols()
    g = sg.gradient(sg.sum(sg.sigmoid(x)), x)
    keep.append(g)
    return told(g) + told(sg.hessian(sg.sum(sg.sigmoid(x)), x)) + told(sg.simplify(g)) + told(sg.sum(g * x))


def a_pair_that_is_no_gradient(keep):
    x, w, *_ = symbols()
    y = w @ x
    return [sg.draw([y, x]).alt, sg.draw([y, x]).svg, sorted(d["kind"] for _, d in sg.graph(y, x).nodes(data=True))]


def a_pair_that_is_one(keep):
    x, w, *_ = symbols()
    y = w @ x
    g = sg.gradient(y, w)
    keep += [y, g]
    return [sg.draw([y, g]).alt, sg.draw([y, sg.jacobian(y, w)]).alt, sorted(d["kind"] for _, d in sg.graph(y, g).nodes(data=True))]


def another_loss_of_one_gradient(keep):
    x, w, *_ = symbols()
    y = w @ x + sg.sum(x)
    g = sg.gradient(y, w)
    keep += [y, g]
    return [sg.draw([y, g]).alt, sg.draw(g).alt]


def rows_and_columns_of_a_diagonal(axis):
    def program(keep):
        x, w, *_ = symbols()
        q = 2 * sg.diag(x)
        y = sg.sum(w * sg.sum(q, axis=axis))
        keep += [q, y]
        return told(y) + told(sg.gradient(y, q))

    return program


def two_ways_to_one_number(first):
    def program(keep):
        x, *_ = symbols()
        t = 2 * x
        y = sg.sum(t) * sg.sum(t) if first else 4 * sg.sum(x) * sg.sum(x)
        keep += [t, y]
        try:
            return told(sg.gradient(y, t))
        except sg.DifferentiationError as e:
            return [str(e)]

    return program


def declared(keep):
    _, w, A, p, S, _ = symbols()
    y = sg.sum(p) ** 2 / 2 + w @ S @ w
    gp, gS = sg.gradient(y, [p, S])
    keep += [gp, gS]
    return told(gp) + told(gS) + told(sg.jacobian(gp, p)) + told(sg.hessian(y, w)) + told(sg.simplify(gS))


def the_same_undeclared(keep):
    _, w, A, p, S, _ = symbols()
    y = w @ S @ w
    return told(S + S.T) + told(sg.simplify(S + S.T)) + told(S @ w + w @ S) + told(y)


def saved_and_loaded(keep):
    x, w, *_ = symbols()
    y = sg.sum(sg.sigmoid(w * x))
    g = pickle.loads(pickle.dumps(sg.gradient(y, w)))
    return told(g) + told(sg.jacobian(g, w)) + [sg.draw([y, g]).alt]


def a_network(keep):
    z = symbols()[-1]
    net = sg.nn.Sequential(sg.nn.Linear(3, 4), sg.nn.Tanh(), sg.nn.Linear(4, 2))
    loss = sg.empirical_risk(sg.sum(sg.square(net(z))))
    keep += [net, loss]
    return [sg.derive(loss).unicode(), sg.draw(sg.derive(loss)).svg, sg.generate(loss).text]


def samples(keep):
    _, w, A, _, _, z = symbols()
    y = sg.sum(sg.softplus(A @ z))
    risk = sg.empirical_risk(y)
    keep += [y, risk]
    return (told(sg.gradient(y, A)) + told(sg.gradient(risk, A)) + told(sg.gradient(risk, z))
            + [sg.derive(risk, A).unicode(), sg.structure(sg.hessian(risk, A)).formula])


def verdicts(keep):
    x, w, *_ = symbols()
    y = sg.sum(sg.log(1 + sg.exp(w * x)))
    return [str(sg.verify("x * sigmoid(w * x)", sg.gradient(y, w))), str(sg.verify("x * sigmoid(x)", sg.gradient(y, w)))]


FIXED = [entropy_by_hand, a_derived_sigmoid, a_pair_that_is_no_gradient, a_pair_that_is_one, another_loss_of_one_gradient,
         rows_and_columns_of_a_diagonal(0), rows_and_columns_of_a_diagonal(1), two_ways_to_one_number(True),
         two_ways_to_one_number(False), declared, the_same_undeclared, saved_and_loaded, a_network, samples, verdicts]

UNARY = [sg.sigmoid, sg.tanh, sg.exp, sg.softplus, sg.square, sg.softmax, lambda t: 1 - t, lambda t: 2 * t, lambda t: -t,
         lambda t: t[::-1], lambda t: sg.log(1 + sg.exp(t)), lambda t: sg.exp(t) / sg.sum(sg.exp(t)), lambda t: t / (1 + sg.exp(t)),
         lambda t: sg.where(t > 0, t, 0), lambda t: t - sg.max(t), lambda t: t.named("h"), lambda t: 1 / (1 + sg.exp(-t))]
BINARY = [lambda a, b: a + b, lambda a, b: a * b, lambda a, b: a - b, lambda a, b: (a @ b) * a, lambda a, b: sg.outer(a, b) @ b,
          sg.maximum]


def drawn(seed):
    """A random program over the same few symbols."""

    def program(keep):
        rng = random.Random(seed)
        x, w, A, p, S, z = symbols()
        pool = [x, w, A @ w, sg.sigmoid(x)]
        for _ in range(rng.randint(1, 4)):
            pool.append(rng.choice(UNARY)(rng.choice(pool)) if rng.random() < 0.6 else rng.choice(BINARY)(rng.choice(pool), rng.choice(pool)))
            if rng.random() < 0.3:  # a derivative within a formula
                pool.append(sg.gradient(sg.sum(pool[-1]), x))
        y = sg.sum(pool[-1])
        by = rng.choice([x, w, rng.choice(pool)])
        ask = rng.choice([lambda: sg.gradient(y, by), lambda: sg.hessian(y, by), lambda: sg.hvp(y, by, p), lambda: sg.jacobian(pool[-1], by),
                          lambda: sg.simplify(sg.gradient(y, by)), lambda: sg.gradient(y, [w, by, x])[1]])
        try:
            t = ask()
            keep += [y, t]
            return told(y) + told(t) + [sg.draw([y, t]).alt]
        except sg.SymgradError as e:
            return [str(e)]

    return program


def results(programs, order):
    """What each of the programs `order` gives, one after the other in this process."""
    keep, said = [], {}
    for i in order:
        said[i] = programs[i](keep)
    return said


def forked(work):
    """`work()` in a process of its own."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with os.fdopen(write, "wb") as out:
                pickle.dump(work(), out)
            code = 0
        finally:
            os._exit(code)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        data = answer.read()
    os.waitpid(child, 0)
    return pickle.loads(data)


def differences(programs, seed, orders):
    alone = {i: forked(lambda i=i: results(programs, [i]))[i] for i in range(len(programs))}
    rng, found = random.Random(seed), []
    for _ in range(orders):
        order = rng.sample(range(len(programs)), len(programs))
        together = forked(lambda order=order: results(programs, order))
        found += [{"program": i, "name": programs[i].__qualname__, "after": order[:order.index(i)], "alone": a, "together": b} for i in order
                  for a, b in zip(alone[i], together[i], strict=False) if a != b or len(alone[i]) != len(together[i])]
    return found


if __name__ == "__main__":
    for module in pkgutil.walk_packages(sg.__path__, "symgrad."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    start, many = int(sys.argv[1]), int(sys.argv[2])
    json.dump(differences(FIXED + [drawn(start + k) for k in range(25)], start, many), sys.stdout)
