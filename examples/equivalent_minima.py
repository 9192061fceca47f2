"""Equivalent minima: a network computes the same when its neurons change places, and when a ReLU is rescaled.

So every minimum comes with its twins: N! for the orders of N neurons in a layer, and whole curves for the scales. A folder
as argument receives the pictures.
"""

import sys
from pathlib import Path

import numpy as np

import symgrad as sg

T = sg.dim("T")
x, y = sg.data("x", over=T), sg.data("y", over=T)
rng = np.random.default_rng(0)
points = rng.uniform(-2, 2, 200)

# Rescaling: v relu(w x) is the same for (β w, v/β). The minima are a curve, w v = 1.5.
w, v = sg.parameter("w"), sg.parameter("v")
one = sg.empirical_risk((v * sg.relu(w * x) - y) ** 2)
data = {"x": points, "y": 1.5 * np.maximum(points, 0)}
orbit = [{"w": 1.5 * beta, "v": 1 / beta} for beta in np.geomspace(0.3, 2.2, 40)]
losses = [float(one.eval(**data, **twin)) for twin in orbit]
print(f"loss along the orbit of scales: {max(losses):.1e} at most")
rescaling = sg.landscape(one, (w, v), {"w": (-1, 4), "v": (-1, 4)}, data, histories={"β w, v/β": orbit},
                         title="Rescaling a ReLU")

# Permuting: two neurons change places. The twins lie mirrored on either side of the mean of both.
W, b, u = sg.parameter("W", 2), sg.parameter("b", 2), sg.parameter("u", 2)
two = sg.empirical_risk((u @ sg.relu(W * x + b) - y) ** 2)
data = {"x": points, "y": np.maximum(2 * points - 1, 0) + 0.5 * np.maximum(-points - 0.5, 0)}
best = {"W": np.array([2.0, -1.0]), "b": np.array([-1.0, -0.5]), "u": np.array([1.0, 0.5])}
twin = {name: value[::-1] for name, value in best.items()}
print(f"loss of the network {float(two.eval(**data, **best)):.1e}, of its twin {float(two.eval(**data, **twin)):.1e}")
middle = {name: (best[name] + twin[name]) / 2 for name in best}
print(f"half way between them {float(two.eval(**data, **middle)):.3f}")
across = {name: (twin[name] - best[name]) / 2 for name in best}
along = {"W": np.array([0.6, 0.6]), "b": np.array([-0.5, -0.5]), "u": np.array([0.4, 0.4])}
permuting = sg.landscape(two, (across, along), middle, data, histories={"the network and its twin": [best, twin]},
                         limits=((-1.6, 1.6), (-1.6, 1.6)), title="Two neurons change places")
print("the landscape is its own mirror image:", bool(np.allclose(permuting.losses, permuting.losses[:, ::-1])))

if __name__ == "__main__" and len(sys.argv) > 1:
    for name, picture in {"rescaling": rescaling, "permuting": permuting}.items():
        print("written:", picture.save(Path(sys.argv[1]) / f"{name}.svg"))
