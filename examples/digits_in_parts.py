"""Handwritten digits as sums of parts: nonnegative factors, by alternating steps within the set.

X is about U V with U, V >= 0 (Lee and Seung 1999). Each factor is minimised given the other and kept nonnegative by
projection; so digits are added up from strokes. And the same digits in ten classes by k-means: the loss is linear in the
memberships, which go to a vertex of the simplex.
"""

import numpy as np
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits

import symgrad as sg

n, d, k = sg.dims("n d k")
X = sg.data("X", (n, d))
U, V = sg.parameter("U", (n, k)), sg.parameter("V", (k, d))
images, labels = load_digits(return_X_y=True)
images, labels = images[:300] / 16, labels[:300]
rng = np.random.default_rng(0)

loss = sg.sum((X - U @ V) ** 2)
start = {"U": rng.random((300, 8)), "V": rng.random((8, 64))}
found = sg.minimize(loss, [U, V], {"X": images}, method="alternating", start=start, tol=1e-3,
                    constraints={"U": "nonnegative", "V": "nonnegative"})
print(f"8 parts: loss from {found.history['loss'][0]:.0f} to {found.fun:.1f} in {len(found.history) // 2} turns; "
      f"{(found.x['V'] < 1e-9).mean():.0%} of the parts are zero")
print("nothing is negative:", bool(min(found.x["U"].min(), found.x["V"].min()) >= 0))
print("one of the parts:")
part = found.x["V"][3].reshape(8, 8)
print("\n".join("  " + "".join(" .:*#"[int(4.99 * v / part.max())] for v in row) for row in part))

Z, mu = sg.parameter("Z", (n, k)), sg.parameter("mu", (k, d))
distances = sg.sum(Z * sg.sum((X[:, None, :] - mu) ** 2, axis=2))
means = images[:10]
classes = sg.minimize(distances, [Z, mu], {"X": images}, method="alternating", blocks=[[Z], [mu]],
                      start={"Z": np.full((300, 10), 0.1), "mu": means}, constraints={"Z": "simplex"})
print("\nk-means:", classes.reason)
theirs = KMeans(10, init=means, n_init=1, tol=0, algorithm="lloyd").fit(images)
members = classes.x["Z"].argmax(axis=1)
print("as scikit-learn's KMeans:", bool((members == theirs.labels_).all()), f"in {len(classes.history) // 2} turns")
right = sum(np.bincount(labels[members == c]).max() for c in range(10) if (members == c).any())
print(f"images that share a class with most of their digit: {right / 300:.0%}")
