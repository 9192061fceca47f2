"""Diabetes: a linear network is linear regression, and a hidden layer is compared with it by cross-validation

442 patients, 10 numbers of each; how the disease went within a year is predicted. By L-BFGS, the network without a
hidden layer ends in the least squares of scikit-learn. Two targets at once are learnt by one network.

    python diabetes.py [report.html]
"""

import sys

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import symgrad as sg

X, y = load_diabetes(return_X_y=True)

linear = make_pipeline(StandardScaler(), sg.estimators.NetRegressor(
    hidden_layer_sizes=(), optimizer=sg.optim.LBFGS(), validation=0)).fit(X, y)
reference = LinearRegression().fit(X, y)
print(f"loss: {linear[-1].model_.loss}")
same = np.allclose(linear.predict(X), reference.predict(X), rtol=1e-6)
print(f"linear network as scikit-learn's LinearRegression: {same}")

hidden = make_pipeline(StandardScaler(), sg.estimators.NetRegressor(
    hidden_layer_sizes=(32,), activation="tanh", optimizer=sg.optim.Adam(1e-3)))
for name, each in {"linear": linear, "one hidden layer": hidden}.items():
    print(f"{name:17} R² in cross-validation {cross_val_score(each, X, y, cv=5).mean():.2f}")

both = hidden.fit(X, np.c_[y, X[:, 2] * 1e6])  # the second target is one of the inputs, in other units
print(f"two targets at once: {both.predict(X).shape}, R² of both above 0.4: {both.score(X, np.c_[y, X[:, 2] * 1e6]) > 0.4}")
print(f"predicts {both[-1].model_.prediction}")

if len(sys.argv) > 1:
    linear[-1].explain(sys.argv[1], title="Diabetes, by a linear network")
