"""Tumours told apart by a network that scikit-learn's tools take for one of their own: pipeline, grid, report

569 tumours, 30 numbers of each; the test part is seen once. Which network is chosen by cross-validation on the others.
A network of one's own layers goes the same way: build(x, outputs) gives it.

    python breast_cancer.py [report.html]
"""

import sys

from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import symgrad as sg

data = load_breast_cancer()
names = data.target_names[data.target]  # classes may be words
X, X_test, y, y_test = train_test_split(data.data, names, test_size=1 / 3, stratify=names, random_state=0)

grid = GridSearchCV(
    make_pipeline(StandardScaler(), sg.estimators.NetClassifier(epochs=60)),
    {"netclassifier__hidden_layer_sizes": [(), (16,), (32, 16)],
     "netclassifier__activation": ["relu", "tanh"],
     "netclassifier__optimizer": [sg.optim.Adam(1e-2)]}, cv=3)
grid.fit(X, y)
best = grid.best_estimator_[-1]
print(f"{len(grid.cv_results_['params'])} networks compared; accuracy in cross-validation {grid.best_score_:.1%}")
print(f"on the tumours that nobody has seen, more than 95 %: {grid.score(X_test, y_test) > 0.95}")
print(f"classes: {', '.join(best.classes_)}; probabilities of the first: {grid.predict_proba(X_test[:1])[0].round(2)}")


def gated(x, outputs):
    """Layers of one's own: a gate decides how much of each feature passes."""
    gate = sg.nn.Sequential(sg.nn.Linear(30, 30, name="gate"), sg.nn.Sigmoid())(x)
    return sg.nn.Linear(30, outputs, name="out")(gate * x)


own = make_pipeline(StandardScaler(), sg.estimators.NetClassifier(gated, optimizer=sg.optim.Adam(1e-2))).fit(X, y)
print(f"own layers: {own[-1].model_.prediction}")
print(f"more than 95 %, too: {own.score(X_test, y_test) > 0.95}")

if len(sys.argv) > 1:
    own[-1].explain(sys.argv[1], title="Tumours, by a gated network")
