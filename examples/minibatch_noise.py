"""How far the gradient of a minibatch is from that of all samples: its deviation falls like 1/sqrt(batch).

The gradient of every sample is one formula, computed for all of them in one call; a minibatch's gradient is a mean of
those. Twice the accuracy costs four times the samples. A file name as argument writes the picture.
"""

import sys

import numpy as np

import symgrad as sg

# a small network at its start
T = sg.dim("T")
x, t = sg.data("x", 8, over=T), sg.labels("t", classes=4, over=T)
first, second = sg.nn.Linear(8, 16), sg.nn.Linear(16, 4)
each = sg.losses.cross_entropy(second(sg.tanh(first(x))), t)  # of one sample
parameters = [*first.parameters(), *second.parameters()]
slopes = sg.function([x, t, *parameters], sg.gradient(each, parameters))

rng = np.random.default_rng(0)
centres = rng.standard_normal((4, 8))
labels = rng.integers(0, 4, 4096)
samples = centres[labels] + rng.standard_normal((4096, 8))
model = sg.Model(each, dtype="float64")
model.parameters = {name: rng.standard_normal(a.shape) / np.sqrt(a.shape[-1]) for name, a in model.parameters.items()}
rows = np.hstack([g.reshape(4096, -1) for g in slopes(samples, labels, *model.parameters.values())])
print(f"{rows.shape[0]} samples, {rows.shape[1]} parameters; by the first layer:", sg.gradient(each, parameters[0]))

whole = rows.mean(axis=0)
spread = np.sqrt(((rows - whole) ** 2).sum(axis=1).mean())  # of one sample
sizes = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
found = []
for size in sizes:
    batches = rng.integers(0, 4096, (400, size))
    off = rows[batches].mean(axis=1) - whole if size < 64 else np.stack([rows[b].mean(axis=0) for b in batches]) - whole
    found.append(np.sqrt((off**2).sum(axis=1).mean()))
    print(f"batch of {size:3}: deviation {found[-1]:.4f}, predicted {spread / np.sqrt(size):.4f}")

power = np.polyfit(np.log(sizes), np.log(found), 1)[0]
print(f"the deviation falls like batch^{power:.2f}")
picture = sg.plot({
    "measured": sg.History({"batch": sizes, "deviation": found}),
    "deviation of one sample / √batch": sg.History({"batch": sizes, "deviation": list(spread / np.sqrt(sizes))}),
}, curve="deviation", along="batch", counts="log", scale="log", title="Deviation of the gradient of a minibatch")
if __name__ == "__main__" and len(sys.argv) > 1:
    print("written:", picture.save(sys.argv[1]))
