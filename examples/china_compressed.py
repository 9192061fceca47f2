"""A photograph as a product of two thin matrices: alternating least squares, each half in closed form.

The risk |X - U V|² is quadratic in U given V, and in V given U, but not in both: so one is solved for after the other. The
minimum is known (Eckart and Young 1936): what the largest singular values hold.
"""

import numpy as np
from sklearn.datasets import load_sample_image

import symgrad as sg

n, d, k = sg.dims("n d k")
X = sg.data("X", (n, d))
U, V = sg.parameter("U", (n, k)), sg.parameter("V", (k, d))
loss = sg.sum((X - U @ V) ** 2)
print("given V:  U =", sg.solve_stationary(loss, U))
print("given U:  V =", sg.solve_stationary(loss, V))

photo = load_sample_image("china.jpg")[::3, ::3].mean(axis=2) / 255  # grey, every third row and column
rows, columns = photo.shape
rng = np.random.default_rng(0)
values = np.linalg.svd(photo, compute_uv=False)
print(f"\nchina.jpg, {rows} x {columns}; by alternating least squares and by the singular values:")
for rank in (4, 12):
    start = {"U": rng.normal(size=(rows, rank)), "V": rng.normal(size=(rank, columns))}
    found = sg.minimize(loss, [U, V], {"X": photo}, method="alternating", blocks=[[U], [V]], start=start, tol=1e-8)
    least = (values[rank:] ** 2).sum()
    size = rank * (rows + columns) / (rows * columns)
    print(f"  rank {rank:2}: {size:5.1%} of the numbers keep {1 - found.fun / (photo**2).sum():.2%}; "
          f"loss {found.fun:.1f}, least {least:.1f}, after {len(found.history) // 2} turns")
    assert found.fun < 1.001 * least

losses = np.array(found.history["loss"])
print("the loss never rises:", bool((np.diff(losses) <= 0).all()))
print("why this method:", found.reason)
