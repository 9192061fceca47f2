"""`sg.estimators`: a network with `fit` and `predict`, as scikit-learn's tools want it.

An estimator keeps its arguments as they are and checks them in `fit`; what it learns has names that end in `_`. Here are
scikit-learn's conventions; the model itself is made in `outputs.py`, and is an `sg.Model` like any other.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from symgrad.estimators.outputs import Build, SettingError, classifying, layered, regressing
from symgrad.graphs.errors import BackendError, SymgradError
from symgrad.language.align import as_tensor
from symgrad.language.tensor import Tensor
from symgrad.optim import Descent, EarlyStopping
from symgrad.training.fitting import AnyOptimizer, whole
from symgrad.training.history import History
from symgrad.training.model import Model
from symgrad.training.source import chosen_optimizer

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.model_selection import train_test_split
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise BackendError(f"sg.estimators needs scikit-learn ({error}): pip install 'symgrad[sklearn]'") from None

PATIENCE = 10  # epochs without a better validation, after which a fit stops: as many as scikit-learn's networks have
KINDS = (np.float64, np.float32)  # of numbers: those of X, if they are of one of these, else the first


class _Net(BaseEstimator):
    """What both estimators are: arguments, the fit of a model, its report."""

    model_: Model
    history_: History

    def __init__(self, build: Build | None = None, hidden_layer_sizes: Any = (100,), activation: Any = "relu",
                 optimizer: Any = None, epochs: int = 100, batch_size: int | None = 32, validation: float | None = 0.1,
                 seed: int = 0, backend: str = "numpy", warm_start: bool = False) -> None:
        self.build = build
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.optimizer = optimizer
        self.epochs = epochs
        self.batch_size = batch_size
        self.validation = validation
        self.seed = seed
        self.backend = backend
        self.warm_start = warm_start

    def _network(self) -> Build:
        return layered(self.hidden_layer_sizes, self.activation) if self.build is None else self.build

    def _fit(self, loss: Tensor, prediction: Tensor, X: np.ndarray, y: np.ndarray, classes: bool) -> None:
        """Train a new model. A part of the samples, of all classes where they are enough, says when to stop."""
        self._checked()
        model = Model(loss, predict=prediction, backend=self.backend, dtype=X.dtype, seed=self.seed)
        self._train(model, X, y, classes)

    def _train(self, model: Model, X: np.ndarray, y: np.ndarray, classes: bool) -> None:
        """A whole fit of a model, from where it stands."""
        optimizer, batch_size = self._checked()
        train, held = self._parts(X, y, classes)
        self.history_ = model.fit(train, optimizer, epochs=self.epochs, batch_size=batch_size, validation=held,
                                  metrics="accuracy" if classes else None, progress=False,
                                  callbacks=[] if held is None else [EarlyStopping(PATIENCE)])
        self.model_ = model
        self.loss_curve_, self.n_iter_ = self.history_["loss"], len(self.history_)

    def _goes_on(self, X: np.ndarray) -> bool:
        """Does a fit go on with the model of the last one?"""
        return bool(self.warm_start) and hasattr(self, "model_") and self.model_.dtype == X.dtype

    def _one_pass(self, X: np.ndarray, y: np.ndarray) -> None:
        """One epoch over these samples, from where the model stands."""
        optimizer, batch_size = self._checked()
        if isinstance(optimizer, Descent):
            raise SettingError(f"partial_fit takes steps by the gradient, and {optimizer.name} needs all samples at each; "
                               "use fit")
        passed = self.model_.fit({"x": X, "y": y}, optimizer, epochs=1, batch_size=batch_size, progress=False)
        self.history_ = passed
        self.loss_curve_ = [*getattr(self, "loss_curve_", []), *passed["loss"]]
        self.n_iter_ = len(self.loss_curve_)

    def _checked(self) -> tuple[AnyOptimizer, int | None]:
        """The optimiser and the size of a batch, which is all samples where its steps need them."""
        try:
            whole("epochs", self.epochs)
            whole("seed", self.seed, 0)
            size = None if self.batch_size is None else whole("batch_size", self.batch_size)
            optimizer = chosen_optimizer(self.optimizer)
        except SymgradError as error:
            raise SettingError(f"{type(self).__name__}: {error}") from None
        return optimizer, None if isinstance(optimizer, Descent) else size

    def _parts(self, X: np.ndarray, y: np.ndarray, classes: bool) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """What is trained on, and what is set apart; nothing, where the fraction is not even half a sample."""
        fraction = 0 if self.validation is None else self.validation
        if isinstance(fraction, bool) or not isinstance(fraction, Real) or not 0 <= fraction < 1:
            raise SettingError("validation is the fraction of the samples that says when to stop, from 0 (none) to less "
                               f"than 1, not {self.validation!r}")
        count = min(round(float(fraction) * len(X)), len(X) - 1)
        if not count:
            return {"x": X, "y": y}, None
        each = np.bincount(y) if classes else np.zeros(1)
        alike = each.min() > 1 and min(count, len(X) - count) >= len(each)
        train, held = train_test_split(np.arange(len(X)), test_size=count, random_state=self.seed,
                                       stratify=y if alike else None)
        return {"x": X[train], "y": y[train]}, {"x": X[held], "y": y[held]}

    def _predicted(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return self.model_.predict({"x": validate_data(self, X, reset=False, dtype=KINDS)})

    def explain(self, path: str | os.PathLike[str] | None = None, title: str = "",
                data: Mapping[str, Any] | None = None) -> Path | str:
        """The report of the fitted model, as `Model.report` writes it: formulas, drawing, program, training.

        Written to `path`, which it gives then; without one, the text of the page. It is measured on the samples that
        were set apart, or on `data`, a dict of arrays `x` and `y`. Raises NotFittedError before `fit`.
        """
        check_is_fitted(self)
        if path is not None:
            return self.model_.report(path, data, title)
        reports = import_module("symgrad.reports.report")  # as there: opened at the first call
        text: str = reports.page(reports.of_model(self.model_, data, title))[0]
        return text


def _one_class_each(y: Any) -> None:
    """Raises SettingError for labels of several columns."""
    try:
        shape = np.asarray(y).shape
    except ValueError:  # of rows of different lengths: what comes next says so
        return
    if len(shape) == 2 and shape[1] > 1:
        raise SettingError(f"NetClassifier gives each sample one class, and y of shape {shape} says {shape[1]} things of "
                           "each (multilabel, or one-hot). For several labels: sklearn.multioutput."
                           "MultiOutputClassifier(net); for one-hot rows: y.argmax(axis=1)")


class NetClassifier(ClassifierMixin, _Net):
    """A network that classifies, with scikit-learn's conventions: its loss is the cross-entropy of its logits.

    `build(x, outputs)` gives the network: a tensor of the logits of the `outputs` classes for one sample `x`, or a layer
    that does; for two classes one logit, of the second, will do. Without it, affine layers of `hidden_layer_sizes` have
    `activation` between them. `optimizer` is one of `sg.optim` (Adam by default); one of second order sees all samples at
    each step. A fraction `validation` of the samples is set apart, with all classes in it where they are enough: after 10
    epochs without a smaller loss on it the fit stops, with the parameters of the best epoch; 0 or None sets nothing apart,
    and all `epochs` are done. With `warm_start` a fit goes on from the last one. Numbers are double, or single where X is;
    features are taken as they are, so that a StandardScaler goes before. After `fit`: `model_` (an `sg.Model` of `x` and
    `y`, whose prediction are the probabilities), `classes_`, `n_features_in_`, `history_`, `loss_curve_`,
    `n_iter_` (epochs). Raises a SymgradError that is a ValueError for an argument that is none, DivergenceError.

    >>> X = np.random.default_rng(0).standard_normal((200, 2))
    >>> y = np.where(X[:, 0] * X[:, 1] > 0, "same sign", "signs differ")
    >>> net = sg.estimators.NetClassifier((lambda x, outputs: sg.nn.Sequential(
    ...     sg.nn.Linear(2, 8), sg.nn.Tanh(), sg.nn.Linear(8, outputs))), optimizer=sg.optim.Adam(0.05)).fit(X, y)
    >>> net.score(X, y) > 0.95, net.classes_
    (True, array(['same sign', 'signs differ'], dtype='<U12'))
    >>> print(net.model_.prediction)
    softmax(W₂ tanh(W₁ x + b₁) + b₂)
    """

    classes_: np.ndarray

    def fit(self, X: Any, y: Any) -> NetClassifier:
        """Train on samples X (n, features) and their classes y (n,), anew, or with `warm_start` from the last fit on;
        gives the estimator. Raises ValueError for labels that say several classes of a sample (multilabel)."""
        _one_class_each(y)
        X, y = validate_data(self, X, y, dtype=KINDS)
        check_classification_targets(y)
        classes, numbers = np.unique(y, return_inverse=True)
        if self._goes_on(X):
            self._train(self.model_, X, self._numbers(y), True)
            return self
        self.classes_ = classes
        if len(self.classes_) < 2:
            raise SettingError(f"NetClassifier needs samples of two classes or more, and there is only one class in y: "
                               f"{self.classes_.tolist()[0]!r}")
        self._fit(*classifying(self._network(), X.shape[1], len(self.classes_)), X, numbers, True)
        return self

    def partial_fit(self, X: Any, y: Any, classes: Any = None) -> NetClassifier:
        """One epoch over these samples alone, from where the training stands; nothing is set apart.

        The first call makes the network and needs all `classes`, sorted or not. Gives the estimator. Raises ValueError
        for other classes later, or without them at first.
        """
        _one_class_each(y)
        first = not hasattr(self, "model_")
        if first and classes is None:
            raise SettingError("NetClassifier: the first call of partial_fit needs classes, all that there will be")
        X, y = validate_data(self, X, y, dtype=KINDS, reset=first)
        check_classification_targets(y)
        if not first and classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise SettingError(f"NetClassifier: classes are {self.classes_.tolist()} since the first call, not "
                               f"{np.unique(classes).tolist()}")
        if first:
            self.classes_ = np.unique(classes)
            loss, probabilities = classifying(self._network(), X.shape[1], len(self.classes_))
            self.model_ = Model(loss, predict=probabilities, backend=self.backend, dtype=X.dtype, seed=self.seed)
        self._one_pass(X, self._numbers(y))
        return self

    def _numbers(self, y: np.ndarray) -> np.ndarray:
        """The classes of samples as numbers. Raises ValueError for one that was not there at first."""
        new = np.setdiff1d(y, self.classes_)
        if new.size:
            raise SettingError(f"NetClassifier: {new.tolist()[0]!r} is a class that the first call did not have; there are "
                               f"{self.classes_.tolist()}")
        return np.searchsorted(self.classes_, y)

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probabilities of the classes, in the order of `classes_`: shape (n, classes)."""
        return self._predicted(X)

    def predict(self, X: Any) -> np.ndarray:
        """The class of each sample: the likeliest."""
        best = self.predict_proba(X).argmax(axis=1)
        found: np.ndarray = self.classes_[best]
        return found


class NetRegressor(RegressorMixin, _Net):
    """A network that predicts numbers, with scikit-learn's conventions: its loss is the mean of squared differences.

    Targets y are one number a sample, or several, shape (n, outputs). The network gives them from their mean in units of
    their standard deviation over the samples of `fit`: whatever units they have, the same steps fit them, and several
    targets count alike. The arguments and what `fit` leaves are those of `NetClassifier`; `model_` predicts targets in
    their own units, and its losses are in those of the deviation.

    >>> X = np.random.default_rng(0).standard_normal((200, 3))
    >>> y = 1000 * X @ [1, -2, 0.5] + 7
    >>> linear = sg.estimators.NetRegressor(hidden_layer_sizes=(), optimizer=sg.optim.LBFGS(), validation=0).fit(X, y)
    >>> linear.predict(np.zeros((1, 3))).round(3), round(linear.score(X, y), 6)
    (array([7.]), 1.0)
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any) -> NetRegressor:
        """Train on samples X (n, features) and their targets y (n,) or (n, outputs), anew, or with `warm_start` from the
        last fit on; gives the estimator."""
        X, y = validate_data(self, X, y, dtype=KINDS, multi_output=True, y_numeric=True)
        y = y.astype(np.float64, copy=False)
        if self._goes_on(X):
            self._train(self.model_, X, self._like_before(y), False)
            return self
        self._fit(*regressing(self._network(), X.shape[1], y), X, y, False)
        return self

    def partial_fit(self, X: Any, y: Any) -> NetRegressor:
        """One epoch over these samples alone, from where the training stands; nothing is set apart.

        The first call makes the network, and its targets say from where and in which unit it gives them: their mean and
        deviation. Gives the estimator.
        """
        first = not hasattr(self, "model_")
        X, y = validate_data(self, X, y, dtype=KINDS, multi_output=True, y_numeric=True, reset=first)
        y = y.astype(np.float64, copy=False)
        if first:
            loss, prediction = regressing(self._network(), X.shape[1], y)
            self.model_ = Model(loss, predict=prediction, backend=self.backend, dtype=X.dtype, seed=self.seed)
        self._one_pass(X, self._like_before(y))
        return self

    def _like_before(self, y: np.ndarray) -> np.ndarray:
        """Targets of the shape that they had at first."""
        shape = as_tensor(self.model_.prediction).shape
        if y.shape[1:] != shape:
            raise SettingError(f"NetRegressor: targets of a sample had the shape {shape} in the first call, and have "
                               f"{y.shape[1:]}")
        return y

    def predict(self, X: Any) -> np.ndarray:
        """The targets of each sample, in the shape that they had in `fit`."""
        return self._predicted(X)
