"""The lasso on the diabetes data by ADMM: the splitting and both steps are read off the formula.

|X w - y|² is smooth, λ ∑ |w| has corners; with z = w each has its minimum in closed form.
"""

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Lasso

import symgrad as sg

n, d = sg.dims("n d")
X, y, w, lam = sg.data("X", (n, d)), sg.data("y", n), sg.parameter("w", d), sg.data("λ", nonnegative=True)
corners = lam * sg.sum(sg.abs(w))
loss = sg.sum((X @ w - y) ** 2) / (2 * n) + corners
print("the proximal step of", corners, "is", sg.prox(corners, w, sg.data("s")))

patients = load_diabetes()
A = patients.data / patients.data.std(axis=0)
data = {"X": A, "y": patients.target - patients.target.mean()}
print("\nλ      zeros  steps of ADMM  of proximal gradient  as scikit-learn")
for strength in (0.5, 2.0, 10.0):
    given = {**data, "λ": strength}
    found = sg.minimize(loss, w, given, method="admm")
    other = sg.minimize(loss, w, given, method="proximal")
    theirs = Lasso(alpha=strength, fit_intercept=False, tol=1e-14, max_iter=100_000).fit(A, data["y"]).coef_
    same = np.allclose(found.x["w"], theirs, atol=1e-5) and np.allclose(other.x["w"], theirs, atol=1e-5)
    zeros = int((found.x["w"] == 0).sum())
    print(f"{strength:4}  {zeros:5}  {len(found.history) - 1:13}  {len(other.history) - 1:20}  {same}")

kept = [name for name, value in zip(patients.feature_names, found.x["w"], strict=True) if value != 0]
print("\nkept at the largest λ:", ", ".join(kept))
print("the splitting:")
for line in found.reason.split("; "):
    print("  ", line)
