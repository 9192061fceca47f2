"""The zigzag of gradient descent in a canyon, with minibatches too, and momentum's cure.

A regression on two inputs of unlike size is a canyon: across it the loss is 25 times as curved as along it. A step that is
safe across is slow along. A folder as argument receives the pictures.
"""

import sys
from pathlib import Path

import numpy as np

import symgrad as sg

T = sg.dim("T")
x, y, p, q = sg.data("x", 2, over=T), sg.data("y", over=T), sg.parameter("p"), sg.parameter("q")
loss = sg.mean((p * x[0] + q * x[1] - y) ** 2, over=T) / 2

rng = np.random.default_rng(0)
X = rng.standard_normal((512, 2)) * [1.0, 5.0]
data = {"x": X, "y": X @ [1.0, 0.0] + rng.standard_normal(512)}
low, high = np.linalg.eigvalsh(X.T @ X / 512)  # of the Hessian
print(f"curvatures: {low:.2f} along the canyon, {high:.2f} across")

rules = {  # the best step that there is without momentum, a safer one for minibatches, a small one with momentum
    "gradient descent": (sg.optim.SGD(2 / (low + high)), None),
    "batches of 32": (sg.optim.SGD(1.4 / high), 32),
    "momentum": (sg.optim.SGD(0.5 / high, momentum=0.75), None),
}
start = {"p": -2.0, "q": 1.0}
paths, losses = {}, {}
for name, (rule, size) in rules.items():
    model = sg.Model(loss, dtype="float64")
    model.parameters = start
    batches = [{key: array[k:k + (size or 512)] for key, array in data.items()} for k in range(0, 512, size or 512)]
    steps = [model.stepper(batch, rule) for batch in batches]
    paths[name], losses[name] = [start], [model.evaluate(data)["loss"]]
    for k in range(30):
        steps[k % len(steps)]()
        paths[name].append({key: float(value) for key, value in model.parameters.items()})
        losses[name].append(model.evaluate(data)["loss"])
    side = np.sign([place["q"] for place in paths[name]])
    crossings = np.sum(side[1:] != side[:-1])
    told = f", each step leaves {rule.rate([low, high]):.3f} of the error" if size is None else ""
    print(f"{name}: crosses the canyon {crossings} times in 30 steps{told}; loss {losses[name][-1]:.4f}")

pictures = {
    "canyon": sg.landscape(loss, (p, q), data=data, histories=paths, limits=((-2.4, 1.6), (-1.2, 1.2)), view="contour",
                           title="A canyon"),
    "canyon losses": sg.plot(losses, above="best", title="Loss above the lowest"),
}
if __name__ == "__main__" and len(sys.argv) > 1:
    for name, picture in pictures.items():
        print("written:", picture.save(Path(sys.argv[1]) / f"{name}.svg"))
