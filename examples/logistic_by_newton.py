"""Logistic regression by Newton's method on scikit-learn's breast cancer data: the formulas, the steps, the agreement.

569 tumours, each with 10 mean measurements of its cells: malignant (-1) or benign (1)?
"""

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression

import symgrad as sg

n, d = sg.dims("n d")
X, s, lam = sg.data("X", (n, d)), sg.data("s", n), sg.data("lam", nonnegative=True)  # s: -1 or 1
w, b = sg.parameter("w", d), sg.parameter("b")
loss = sg.sum(sg.softplus(-s * (X @ w + b))) + lam / 2 * w @ w

print("loss    =", loss)
print("Hessian =", sg.structure(sg.hessian(sg.sum(sg.softplus(-s * (X @ w + b))), w)), "by w, without λ")
print("convex  =", bool(sg.convexity(loss, [w, b])))

tumours = load_breast_cancer()
measured = tumours.data[:, :10]
data = {"X": (measured - measured.mean(0)) / measured.std(0), "s": 2.0 * tumours.target - 1}

for strength in (1.0, 0.0):
    found = sg.minimize(loss, [w, b], {**data, "lam": strength}, method="newton")
    theirs = LogisticRegression(C=1 / strength if strength else np.inf, tol=1e-12, max_iter=1000, solver="newton-cholesky")
    theirs.fit(data["X"], data["s"])
    print(f"\nλ = {strength:g}: loss {found.fun:.9f}, {found.message}")
    history = found.history
    for i, (value, norm) in enumerate(zip(history["loss"], history["gradient_norm"], strict=True)):
        print(f"  step {i:2}: loss {value:14.9f}, |g| = {norm:.1e}")
    agree = np.allclose([*found.x["w"], found.x["b"]], [*theirs.coef_[0], *theirs.intercept_], rtol=1e-6)
    right = (np.sign(data["X"] @ found.x["w"] + found.x["b"]) == data["s"]).mean()
    print(f"  as scikit-learn's LogisticRegression: {agree}; {right:.1%} of the tumours are told apart")
