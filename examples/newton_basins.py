"""Basins of Newton's method on Himmelblau's function: where a start leads depends on the start in a fractal way.

Newton's step is a formula, H⁻¹ ∇f, and 300 x 300 starts are its samples: one call of the generated code moves all of them.
A file name as argument writes the picture.
"""

import sys

import numpy as np

import symgrad as sg

M = sg.dim("M")
z = sg.data("z", 2, over=M)  # one start
p, q = z[0], z[1]
f = (p**2 + q - 11) ** 2 + (p + q**2 - 7) ** 2
step = sg.solve(sg.hessian(f, z), sg.gradient(f, z))
newton = sg.function([z], z - step)
print("f =", f)

# All stationary points, and what they are: Newton's method looks for a zero of the gradient, not for a minimum.
a, b = sg.parameter("p"), sg.parameter("q")
picture = sg.landscape((a**2 + b - 11) ** 2 + (a + b**2 - 7) ** 2, (a, b), view="contour")
points = picture.stationary
places = np.array([point.place for point in points])

side = np.linspace(-5, 5, 300)
starts = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
at, steps = starts, np.full(len(starts), 40.0)
for i in range(40):
    at = newton(at)
    near = np.linalg.norm(at[:, None] - places, axis=2)
    steps = np.where((near.min(axis=1) < 1e-6) & (steps == 40), i + 1.0, steps)
basins = np.where(near.min(axis=1) < 1e-6, near.argmin(axis=1), -1)

for kind in ("minimum", "saddle", "maximum"):
    which = [i for i, point in enumerate(points) if point.kind == kind]
    share = np.isin(basins, which).mean()
    print(f"{100 * share:.0f} % of all starts end in a {kind}")
print(f"half of them within {np.median(steps):.0f} steps")

kinds = {kind: places[[point.kind == kind for point in points]] for kind in ("minimum", "maximum", "saddle")}
picture = sg.heatmap(np.log(steps).reshape(300, 300), side, side, names=("$p$", "$q$"), points=kinds, name="basins",
                     regions=basins.reshape(300, 300), title="Basins of Newton's method")
if __name__ == "__main__" and len(sys.argv) > 1:
    print("written:", picture.save(sys.argv[1]))
