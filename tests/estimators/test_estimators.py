"""scikit-learn's own checks pass whole, and its tools take the estimators as they take theirs."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest

import symgrad as sg

pytest.importorskip("sklearn")
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from symgrad.estimators import NetClassifier, NetRegressor

BOTH = [NetClassifier, NetRegressor]
LINEAR, DEEP = {"hidden_layer_sizes": (), "validation": 0}, {"hidden_layer_sizes": (8, 8), "activation": "tanh"}


@pytest.mark.parametrize(("kind", "settings"), [
    (NetClassifier, {}), (NetRegressor, {}), (NetClassifier, LINEAR), (NetRegressor, DEEP)], ids=[
    "classifier", "regressor", "linear classifier", "deep regressor"])
def test_the_checks_of_scikit_learn_pass(kind, settings):
    settings = {**settings, **({"optimizer": sg.optim.Adam(1e-2)} if settings else {})}
    found = check_estimator(kind(**settings), on_skip=None)
    assert len(found) > 50
    skipped = {each["check_name"]: str(each["exception"]) for each in found if each["status"] != "passed"}
    assert all("not installed" in why or "SCIPY_ARRAY_API" in why for why in skipped.values()), skipped


@pytest.fixture(scope="module")
def irises():
    X, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def test_one_seed_gives_one_fit_and_another_another(irises):
    a, b, c = (NetClassifier(epochs=3, seed=seed).fit(*irises).predict_proba(irises[0]) for seed in (0, 0, 1))
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - c).max() > 1e-3


def test_what_fit_leaves_behind(irises):
    X, y = irises
    net = NetClassifier(epochs=7)
    assert net.fit(X, y) is net
    assert isinstance(net.model_, sg.Model) and net.n_features_in_ == 4 and net.classes_.tolist() == [0, 1, 2]
    assert net.n_iter_ == len(net.loss_curve_) == len(net.history_["val_accuracy"]) == 7
    np.testing.assert_array_equal(net.model_.predict({"x": X}), net.predict_proba(X))
    assert set(net.model_.evaluate({"x": X, "y": y})) == {"loss"}
    assert net.model_.fitted.train.count == 135 and np.bincount(net.model_.fitted.held.arrays["y"]).tolist() == [5, 5, 5]


def test_the_validation_stops_the_fit_and_its_best_epoch_is_kept():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 10)), rng.integers(0, 2, 60)  # nothing is to be learnt
    net = NetClassifier(epochs=400, optimizer=sg.optim.Adam(1e-2)).fit(X, y)
    best = int(np.argmin(net.history_["val_loss"]))
    assert net.n_iter_ == best + 11 < 400 and net.history_.best_epoch == best + 1
    held = net.model_.fitted.held
    assert net.model_.evaluate(held.arrays)["loss"] == pytest.approx(net.history_["val_loss"][best])
    for none in (0, None, 0.001):
        assert NetClassifier(epochs=5, validation=none).fit(X, y).history_.curves.keys().isdisjoint({"val_loss"})


@pytest.mark.parametrize("names", [["setosa", "versicolor", "virginica"], [3, 1, 2], [-1.0, 0.0, 2.0]])
def test_classes_are_what_the_user_calls_them(irises, names):
    X, numbers = irises
    y = np.array(names)[numbers]
    net = NetClassifier(epochs=60).fit(X, list(y))
    assert net.classes_.tolist() == sorted(names) and net.classes_.dtype == y.dtype
    assert net.score(X, y) > 0.9 and set(net.predict(X)) == set(names)
    np.testing.assert_array_equal(net.predict(X), net.classes_[net.predict_proba(X).argmax(axis=1)])
    np.testing.assert_allclose(net.predict_proba(X).sum(axis=1), 1)


def test_a_network_of_ones_own_two_logits_and_one():
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    settings = {"optimizer": sg.optim.LBFGS(max_iter=50), "validation": 0, "epochs": 30}
    ridge = 1e-3

    def scores(x, outputs):
        assert outputs == 2
        return sg.nn.Linear(30, 1)(x)

    one = NetClassifier(scores, **settings).fit(X[:, :], y)
    vector = NetClassifier(lambda x, k: x @ sg.parameter("w", 30, init="zeros"), **{**settings, "epochs": 1}).fit(X, y)
    layers = NetClassifier(lambda x, k: sg.nn.Linear(30, k), **{**settings, "epochs": 1}).fit(X, y)
    reference = LogisticRegression(C=1 / ridge, max_iter=5000).fit(X, y)
    assert one.score(X, y) >= reference.score(X, y) - 0.01
    assert vector.predict_proba(X).shape == layers.predict_proba(X).shape == (569, 2)
    assert [p.shape for p in layers.model_.parameters.values()] == [(2, 30), (2,)]
    assert "softmax" in str(layers.model_.prediction) and "softmax" not in str(one.model_.prediction)


def test_a_linear_network_by_lbfgs_is_linear_regression_in_any_units():
    X, y = load_diabetes(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    targets = np.c_[y, 1e6 * y[::-1] - 3, 1e-6 * X[:, 0] + 5]
    net = NetRegressor(hidden_layer_sizes=(), optimizer=sg.optim.LBFGS(), validation=None).fit(X, targets)
    np.testing.assert_allclose(net.predict(X), LinearRegression().fit(X, targets).predict(X), rtol=1e-5)
    alone = NetRegressor(hidden_layer_sizes=(), optimizer=sg.optim.LBFGS(), validation=None).fit(X, y)
    np.testing.assert_allclose(alone.predict(X), net.predict(X)[:, 0], rtol=1e-5)


@pytest.mark.parametrize("shape", [(), (1,), (3,)])
def test_predictions_have_the_shape_of_the_targets_and_follow_their_units(shape):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((50, 4))
    y = np.tensordot(X, rng.standard_normal((4, *shape)), 1)
    net, other = NetRegressor(epochs=20).fit(X, y), NetRegressor(epochs=20).fit(X, 1000 * y + 50)
    assert net.predict(X).shape == y.shape
    np.testing.assert_allclose(1000 * net.predict(X) + 50, other.predict(X), rtol=1e-6, atol=1e-6)
    constant = NetRegressor(epochs=1).fit(X, 0 * y + 7)
    assert np.abs(constant.predict(X) - 7).max() < 2


def test_a_column_of_numbers_may_come_from_outputs_without_axes():
    X = np.random.default_rng(2).standard_normal((30, 3))
    y = X @ [1, 2, 3]
    for build in (lambda x, k: x @ sg.parameter("w", 3, init="zeros"), lambda x, k: sg.nn.Linear(3, k)(x)):
        for target in (y, y[:, None]):
            net = NetRegressor(build, optimizer=sg.optim.Newton(), validation=0, epochs=3).fit(X, target)
            np.testing.assert_allclose(net.predict(X), target, atol=0.2 * np.abs(y).max())
            assert net.predict(X).shape == target.shape


def test_numbers_are_single_where_those_of_the_features_are(irises):
    X, y = irises
    assert NetClassifier(epochs=1).fit(X.astype("f"), y).model_.dtype == "float32"
    assert NetClassifier(epochs=1).fit(X, y).model_.dtype == "float64"


def test_pipelines_grids_clones_and_scores():
    X, y = load_diabetes(return_X_y=True)
    pipe = make_pipeline(StandardScaler(), NetRegressor(epochs=10))
    grid = GridSearchCV(pipe, {"netregressor__optimizer": [sg.optim.Adam(1e-4), sg.optim.Adam(1e-2)],
                               "netregressor__hidden_layer_sizes": [(8,), (16, 8)]}, cv=3)
    grid.fit(X, y)
    assert grid.best_score_ > 0.35 and grid.best_params_["netregressor__optimizer"].lr == 1e-2
    twin = clone(grid.best_estimator_)
    assert not hasattr(twin[-1], "model_") and twin[-1].optimizer.lr == 1e-2
    np.testing.assert_array_equal(twin.fit(X, y).predict(X), grid.predict(X))
    around = TransformedTargetRegressor(clone(twin), func=np.sqrt, inverse_func=np.square)
    assert cross_val_score(around, X, y, cv=3).mean() > 0.3
    X, y = load_iris(return_X_y=True)
    proba = cross_val_predict(make_pipeline(StandardScaler(), NetClassifier(epochs=5)), X, y, method="predict_proba")
    assert proba.shape == (150, 3)


def test_copies_go_on_predicting(irises, tmp_path):
    import joblib

    X, y = irises
    net = NetClassifier(epochs=3).fit(X, y)
    joblib.dump(net, tmp_path / "net.joblib")
    for twin in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net), joblib.load(tmp_path / "net.joblib")):
        np.testing.assert_array_equal(twin.predict_proba(X), net.predict_proba(X))
        assert twin.history_.curves == net.history_.curves


def test_names_of_a_table_are_known():
    pandas = pytest.importorskip("pandas")
    iris = load_iris()
    X, y = pandas.DataFrame(iris.data, columns=iris.feature_names), pandas.Series(iris.target_names[iris.target])
    net = NetClassifier(epochs=2).fit(X, y)
    assert net.feature_names_in_.tolist() == iris.feature_names and set(net.classes_) == set(iris.target_names)
    with pytest.raises(ValueError, match="feature names should match"):
        net.predict(X[X.columns[::-1]])


def test_it_explains_itself(irises, tmp_path):
    net = NetClassifier(hidden_layer_sizes=(5,), epochs=2)
    with pytest.raises(NotFittedError):
        net.explain()
    net.fit(*irises)
    text = net.explain(title="Irises")
    path = net.explain(tmp_path / "irises.html", title="Irises")
    assert path == tmp_path / "irises.html" and path.read_text(encoding="utf-8") == text
    assert "<h1>Irises" in text and "the validation data" in text and "<math" in text


def test_parts_one_after_the_other_and_fits_that_go_on(irises):
    X, y = irises
    names = np.array(["a", "b", "c"])[y]
    net = NetClassifier(optimizer=sg.optim.Adam(0.01))
    order = np.random.default_rng(0).permutation(150).reshape(5, 30)
    for k in range(100):
        net.partial_fit(X[order[k % 5]], names[order[k % 5]], classes=["c", "a", "b"] if k == 0 else None)
    assert net.score(X, names) > 0.93 and net.n_iter_ == len(net.loss_curve_) == 100 and net.classes_.tolist() == ["a", "b", "c"]
    by_model = sg.Model(net.model_.loss, net.model_.prediction, dtype="float64")
    again = NetClassifier(optimizer=sg.optim.Adam(0.01)).partial_fit(X, names, ["a", "b", "c"])
    by_model.fit({"x": X, "y": y}, sg.optim.Adam(0.01), epochs=1, progress=False)
    np.testing.assert_array_equal(again.model_.predict({"x": X}), by_model.predict({"x": X}))
    linear = NetRegressor(hidden_layer_sizes=(), optimizer=sg.optim.Adam(0.05))
    target = 100 * X @ [1, 2, 3, 4.0] + 5
    for _ in range(200):
        linear.partial_fit(X, target)
    assert linear.score(X, target) > 0.999
    for kind, goal in ((NetClassifier, names), (NetRegressor, target)):
        warm = kind(epochs=5, validation=0, warm_start=True)
        losses = [warm.fit(X, goal).loss_curve_ for _ in range(3)]
        assert [len(each) for each in losses] == [5] * 3 and losses[0][-1] > losses[1][0] > losses[2][0]
        cold = kind(epochs=5, validation=0).fit(X, goal)
        assert cold.fit(X, goal).loss_curve_ == losses[0]


def test_what_does_not_go_on_is_refused(irises):
    X, y = irises
    with pytest.raises(ValueError, match="the first call of partial_fit needs classes"):
        NetClassifier().partial_fit(X, y)
    net = NetClassifier(epochs=1, warm_start=True).fit(X[y < 2], y[y < 2])
    for call in (net.fit, net.partial_fit):
        with pytest.raises(ValueError, match="2 is a class that the first call did not have; there are"):
            call(X, y)
    with pytest.raises(ValueError, match=r"classes are \[0, 1\] since the first call, not \[0, 1, 2\]"):
        net.partial_fit(X, y, classes=[0, 1, 2])
    with pytest.raises(ValueError, match="X has 3 features, but NetClassifier is expecting 4"):
        net.partial_fit(X[:, :3], y)
    with pytest.raises(ValueError, match=r"each sample one class, and y of shape \(150, 3\) says 3 things.*MultiOutputClassifier"):
        NetClassifier().fit(X, np.eye(3)[y])
    with pytest.raises(ValueError, match=r"had the shape \(\) in the first call, and have \(2,\)"):
        NetRegressor(epochs=1, warm_start=True).fit(X, y).fit(X, np.c_[y, y])
    with pytest.raises(ValueError, match="partial_fit takes steps by the gradient, and LBFGS needs all samples"):
        NetRegressor(optimizer=sg.optim.LBFGS()).partial_fit(X, y)


@pytest.mark.parametrize(("wrong", "message"), [
    ({"hidden_layer_sizes": (10, 0)}, "hidden_layer_sizes are whole numbers from 1"),
    ({"hidden_layer_sizes": 2.5}, "hidden_layer_sizes are whole numbers from 1"),
    ({"activation": "swish"}, "activation must be one of 'identity', 'logistic', .* not 'swish'"),
    ({"optimizer": "adam"}, "the optimizer must be one of sg.optim, such as sg.optim.Adam.., not 'adam'"),
    ({"epochs": 0}, "epochs must be a whole number from 1, not 0"),
    ({"batch_size": -1}, "batch_size must be a whole number from 1, not -1"),
    ({"seed": "zero"}, "seed must be a whole number from 0"),
    ({"validation": 1}, "validation is the fraction of the samples"),
    ({"validation": True}, "validation is the fraction of the samples"),
    ({"build": (16,)}, "build must be a function .* hidden layers go by name: hidden_layer_sizes="),
    ({"build": lambda x, k: 3}, "must give a tensor or a layer, not 3"),
    ({"build": lambda x, k: sg.nn.Linear(4, k + 1)(x)}, r"build\(x, outputs=3\) gave .*a logit for each of 3 classes.*shape \(3,\)"),
    ({"build": lambda x, k: sg.parameter("b", k)}, "for one sample x"),
])
def test_arguments_that_are_none_are_named_in_fit(irises, wrong, message):
    net = NetClassifier(**wrong)
    with pytest.raises(ValueError, match=message) as caught:
        net.fit(*irises)
    assert isinstance(caught.value, sg.SymgradError)


def test_data_that_cannot_be_learnt_from(irises):
    X, y = irises
    with pytest.raises(ValueError, match="there is only one class in y: 1"):
        NetClassifier().fit(X[50:60], y[50:60])
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        NetClassifier().fit(X, X[:, 0])
    with pytest.raises(ValueError, match="Input X contains NaN"):
        NetRegressor().fit(np.where(X > 2, np.nan, X), y)
    with pytest.raises(ValueError, match="X has 3 features, but NetRegressor is expecting 4"):
        NetRegressor(epochs=1).fit(X, y).predict(X[:, :3])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        NetRegressor().fit(X, y[:-1])


def test_without_scikit_learn_the_message_says_what_to_install():
    code = "import sys; sys.modules['sklearn'] = None\nimport symgrad as sg\ntry: sg.estimators\nexcept sg.BackendError as error: print(error)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "needs scikit-learn" in done.stdout and "pip install 'symgrad[sklearn]'" in done.stdout


@pytest.mark.parametrize("unit", [1e-300, 1e-200, 1e150, 1e300])
def test_targets_of_any_size_are_fitted_alike(unit):
    X = np.random.default_rng(0).standard_normal((40, 2))
    net = sg.estimators.NetRegressor(epochs=5)
    expected = net.fit(X, X[:, 0]).predict(X)
    np.testing.assert_allclose(net.fit(X, unit * X[:, 0]).predict(X) / unit, expected, rtol=1e-6)
    assert np.abs(net.fit(X, np.full(40, 1e-200)).predict(X)).max() < 1e-198


def test_an_activation_that_is_a_list():
    with pytest.raises(ValueError, match=r"activation must be one of 'identity', .* not \['relu'\]"):
        sg.estimators.NetRegressor(activation=["relu"]).fit([[1.0], [2.0]], [1.0, 2.0])
