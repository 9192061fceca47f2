"""The affine model on the diabetes data: in closed form, by gradient descent, and number by number, all agreeing.

Ten measurements of 442 patients, and how far their disease had progressed a year later. The loss is quadratic, so its
gradient has one zero; gradient descent goes there, and so does the descent along one coordinate after the other.
"""

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression

import symgrad as sg

T, d = sg.dims("T d")
X, y = sg.data("X", (T, d)), sg.data("y", T)
w, b = sg.parameter("w", d), sg.parameter("b")
loss = sg.mean((X @ w + b - y) ** 2)
print("g =", loss)

measured, progress = load_diabetes(return_X_y=True)
data = {"X": measured / measured.std(axis=0), "y": progress}
results = {}
for method in ("closed_form", "gradient", "coordinate", "alternating"):
    found = sg.minimize(loss, [w, b], data, method=method, tol=1e-10 if method != "closed_form" else None)
    results[method] = found
    print(f"{method:12} loss {found.fun:.6f}, b = {found.x['b']:.4f}, after {len(found.history) - 1} points")
print("\nwhy the closed form is right:", results["closed_form"].reason)
print("and block by block:", results["alternating"].reason)

exact = results["closed_form"].x
same = [np.allclose(found.x[name], exact[name], rtol=1e-4, atol=1e-3) for found in results.values() for name in exact]
print("all agree:", all(same))
theirs = LinearRegression().fit(data["X"], progress)
print("and with scikit-learn's LinearRegression:", np.allclose(exact["w"], theirs.coef_)
      and np.isclose(exact["b"], theirs.intercept_))
curvature = np.linalg.eigvalsh(sg.hessian(loss, w).eval(**data, **exact))
print(f"the Hessian's eigenvalues reach from {curvature[0]:.4f} to {curvature[-1]:.2f}: gradient descent shrinks an error")
rate = sg.optim.SGD(2 / (curvature[0] + curvature[-1])).rate(curvature)
print(f"along the flattest direction by {rate:.5f} a step at best")
