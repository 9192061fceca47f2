"""Which network reads digits best? Its hyperparameters by random search and by a genetic algorithm

A score is what a network, trained for a few epochs, says wrong of images that it has not seen. Chance tries each
hyperparameter anew every time; the genetic algorithm crosses the networks that were good. Both try equally many.
"""

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import symgrad as sg

TRIALS, EPOCHS = 24, 6
images, answers = load_digits(return_X_y=True)
X, X_test, Y, Y_test = train_test_split(images / 16, answers, test_size=1 / 3, stratify=answers, random_state=0)
X, X_seen, Y, Y_seen = train_test_split(X, Y, test_size=1 / 3, stratify=Y, random_state=0)

T = sg.dim("T")
x, digit = sg.data("x", 64, over=T), sg.labels("y", classes=10, over=T)
ACTIVATIONS = {"tanh": sg.tanh, "relu": sg.relu, "sigmoid": sg.sigmoid}
SPACE = {"width": [8, 16, 32], "activation": [*ACTIVATIONS], "rate": ("log", 1e-4, 1e-1), "batch": ("int", 16, 128)}


def trained(width, activation, rate, batch):
    """A network of two layers after a few epochs."""
    first, last = sg.nn.Linear(64, width), sg.nn.Linear(width, 10)
    logits = last(ACTIVATIONS[activation](first(x)))
    model = sg.Model(sg.empirical_risk(sg.losses.cross_entropy(logits, digit)), logits)
    model.fit({"x": X, "y": Y}, optimizer=sg.optim.Adam(rate), epochs=EPOCHS, batch_size=batch, progress=False)
    return model


def wrong(model, images, answers):
    """Which part of the images it reads wrongly."""
    return float((model.predict({"x": images}).argmax(axis=1) != answers).mean())


def score(**choice):
    return wrong(trained(**choice), X_seen, Y_seen)


if __name__ == "__main__":
    for method in ("random", "genetic"):
        found = sg.search(score, SPACE, method=method, trials=TRIALS, seed=0)
        scores = found.table.column("score")
        print(f"{method}: {found.score:.1%} wrong with {found.best}")
        print(f"  mean of the first six trials {sum(scores[:6]) / 6:.1%}, of the last six {sum(scores[-6:]) / 6:.1%}")
    print(found.table.sorted())
    unseen = wrong(trained(**found.best), X_test, Y_test)
    print(f"the best one reads nine of ten images that nobody has seen: {unseen < 0.1}")
