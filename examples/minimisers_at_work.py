"""Minimisers on the functions of Rosenbrock and Himmelblau: their paths over the landscape, and how fast they go.

A folder as argument receives the pictures.
"""

import sys
from pathlib import Path

import symgrad as sg

p, q = sg.parameter("p"), sg.parameter("q")
functions = {
    "Rosenbrock": ((1 - p) ** 2 + 100 * (q - p**2) ** 2, {"p": -1.2, "q": 1.0}, ((-1.6, 1.5), (-0.5, 1.7))),
    "Himmelblau": ((p**2 + q - 11) ** 2 + (p + q**2 - 7) ** 2, {"p": -0.3, "q": -1.0}, ((-5, 5), (-5, 5))),
}
methods = ["gradient", "coordinate", "l-bfgs", "newton", "levenberg_marquardt"]

pictures = {}
for name, (f, start, limits) in functions.items():
    print(f"{name}: {f}")
    found = {method: sg.minimize(f, [p, q], {}, method=method, start=start, budget=400) for method in methods}
    for method, result in found.items():
        x, y = (float(result.x[key]) for key in "pq")
        print(f"  {method:19} {len(result.history):4} points, loss {result.fun:8.2e} at ({x:.3f}, {y:.3f})")
    pictures[name] = sg.landscape(f, (p, q), histories=found, limits=limits, animate=True, title=name)
    pictures[f"{name} losses"] = sg.plot(found, title=f"{name}: loss", counts="log")
    kinds = [point.kind for point in pictures[name].stationary]
    print("  stationary points in the picture:", ", ".join(f"{kind} {kinds.count(kind)}" for kind in sorted(set(kinds))))

if __name__ == "__main__" and len(sys.argv) > 1:
    for name, picture in pictures.items():
        print("written:", picture.save(Path(sys.argv[1]) / f"{name}.svg"))
