"""The lecture's exercise: fit a x + b by least squares. Gradient, Hessian, normal equations, gradient descent.

The data are real: body mass index of 442 patients, and how far their diabetes had progressed one year later.
"""

import numpy as np
from sklearn.datasets import load_diabetes

import symgrad as sg

T = sg.dim("T")
W, y = sg.data("W", (T, 2)), sg.data("y", T)  # the rows of W are [x_t, 1]
theta = sg.parameter("theta", 2)  # [a, b]

g = sg.mean((W @ theta - y) ** 2)
gradient, hessian = sg.gradient(g, theta), sg.hessian(g, theta)
print("g  =", g)
print("∇g =", gradient)
print("H  =", hessian)

patients = load_diabetes()
x = patients.data[:, patients.feature_names.index("bmi")]
x = (x - x.mean()) / x.std()
data = {"W": np.stack([x, np.ones_like(x)], axis=1), "y": patients.target}
derivatives = sg.function([W, y, theta], {"slope": gradient, "curvature": hessian})

# Where the gradient is zero: W'W theta = W'y, the normal equations.
exact = np.linalg.solve(data["W"].T @ data["W"], data["W"].T @ data["y"])
at = derivatives(**data, theta=exact)
print("\nnormal equations: a = {:.3f}, b = {:.3f}".format(*exact))
print(f"  largest entry of the gradient there: {np.abs(at['slope']).max():.0e}")
print(f"  as with the pseudoinverse: {np.allclose(exact, np.linalg.pinv(data['W']) @ data['y'])}")
print(f"  eigenvalues of H: {np.linalg.eigvalsh(at['curvature']).round(6)}, all positive: a minimum")

# The same by gradient descent, theta <- theta - eps ∇g(theta).
model = sg.Model(g, dtype="float64", seed=0)
step = model.stepper(data, sg.optim.SGD(lr=0.1))
print("\ngradient descent with eps = 0.1")
for i in range(1, 81):
    loss = step()
    if i in (1, 10, 20, 40, 80):
        print("  step {:2}: loss {:9.3f}, a = {:.3f}, b = {:.3f}".format(i, loss, *model.parameters["theta"]))
assert np.allclose(model.parameters["theta"], exact, rtol=1e-6)
