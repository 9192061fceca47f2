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

# Where the gradient is zero: theta = (W'W)^-1 W'y, and what kind of point that is.
zero = sg.solve_stationary(g, theta)
exact = zero.eval(**data)
point = sg.classify(g, theta, {**data, "theta": exact})
print(f"\n∇g = 0 at θ = {zero}: a = {exact[0]:.3f}, b = {exact[1]:.3f}")
print(f"  stationary: {point.stationary}, |∇g| = {point.gradient:.0e}")
print(f"  as with the pseudoinverse: {np.allclose(exact, np.linalg.pinv(data['W']) @ data['y'])}")
print(f"  {point}, so a {point.kind}")

# The same with a and b as two variables, one sample at a time: b is eliminated first.
x_t, y_t = sg.data("x", over=T), sg.data("y", over=T)
a, b = sg.parameter("a"), sg.parameter("b")
line = sg.solve_stationary(sg.mean((a * x_t + b - y_t) ** 2, over=T), {"a": a, "b": b})
print("\na =", line["a"])
print("b =", line["b"])

# The same by gradient descent, theta <- theta - eps ∇g(theta).
model = sg.Model(g, dtype="float64", seed=0)
step = model.stepper(data, sg.optim.SGD(lr=0.1))
print("\ngradient descent with eps = 0.1")
for i in range(1, 81):
    loss = step()
    if i in (1, 10, 20, 40, 80):
        print("  step {:2}: loss {:9.3f}, a = {:.3f}, b = {:.3f}".format(i, loss, *model.parameters["theta"]))
assert np.allclose(model.parameters["theta"], exact, rtol=1e-6)
