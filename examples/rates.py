"""How fast gradient descent with momentum is, over its step and its momentum: predicted from its formulas, and measured.

On a quadratic with curvatures from 1 to 10 an update rule is one matrix, and errors shrink like powers of its spectral
radius. `rate` gives that as a formula; dots are slopes of errors that a generated program left. A file name as argument
writes the picture.
"""

import sys

import numpy as np
import sympy as sp

import symgrad as sg

LOW, HIGH = 1.0, 10.0
eta, mu, h = sp.symbols("eta mu h", positive=True)
formula = sg.optim.SGD(eta, momentum=mu).rate(h)
print(sg.optim.SGD(eta, momentum=mu).formulas())
print("rate:", formula)

# the map: the slower one of both ends of the spectrum decides
steps, momenta = np.linspace(0.002, 0.4, 200), np.linspace(0, 0.995, 200)
at = sp.lambdify((eta, mu, h), formula, "numpy")
rates = np.maximum(*(at(steps, momenta[:, None], curvature) for curvature in (LOW, HIGH)))

# the best of all (Polyak 1964)
root = (np.sqrt(HIGH) - np.sqrt(LOW)) / (np.sqrt(HIGH) + np.sqrt(LOW))
best = sg.optim.SGD(4 / (np.sqrt(HIGH) + np.sqrt(LOW)) ** 2, momentum=root**2)
plain = sg.optim.SGD(2 / (HIGH + LOW))
print(f"best step without momentum: {plain.lr:.4f}, rate {plain.rate([LOW, HIGH]):.4f}")
print(f"best step and momentum: {best.lr:.4f}, {root**2:.4f}, rate {best.rate([LOW, HIGH]):.4f}")


def measured(optimizer, count=400):
    """The factor of a step, by the slope of the logarithm of the error over the last half of many."""
    curvatures, theta = sg.data("h", 2), sg.parameter("theta", 2, init="ones")
    program = sg.generate(sg.sum(curvatures * theta**2) / 2, optimizer=optimizer, dtype="float64").load()
    state, errors = program.begin(program.init()), []
    for _ in range(count):
        program.step(state, [np.array([LOW, HIGH])])
        errors.append(np.abs(state["theta"]).max())
        if not 1e-280 < errors[-1] < 1e280:
            break
    half = np.arange(len(errors) // 2, len(errors) - 1)
    return float(np.exp(np.polyfit(half, np.log(np.array(errors)[half]), 1)[0]))


dots, worst = [], 0.0
for momentum in (0.0, 0.2, 0.4, 0.6, 0.8, 0.95):
    for step in (0.03, 0.09, 0.15, 0.21, 0.27, 0.33, 0.39):
        optimizer = sg.optim.SGD(step, momentum=momentum)
        dots.append((step, momentum, measured(optimizer)))
        worst = max(worst, abs(dots[-1][2] / optimizer.rate([LOW, HIGH]) - 1))
print(f"{len(dots)} rates measured, at most {100 * worst:.1f} % from those predicted")

# beyond 1 errors grow: there the map is flat
picture = sg.heatmap(np.minimum(rates, 1.1), steps, momenta, names=("step", "momentum"), name="rate",
                     dots={"measured": [dot for dot in dots if dot[2] <= 1.1]}, points={"minimum": [(best.lr, root**2)]},
                     title="Rate of gradient descent on curvatures from 1 to 10", scale="linear")
if __name__ == "__main__" and len(sys.argv) > 1:
    print("written:", picture.save(sys.argv[1]))
