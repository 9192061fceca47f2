"""Names that modules do not have are answered with those that they have, or with what to write."""

import pytest

import symgrad as sg


@pytest.mark.parametrize("where, name, said", [
    ("losses", "ce", "sg.losses.cross_entropy(logits, target)"), ("losses", "crossentropy", "did you mean cross_entropy?"),
    ("losses", "MSE", "did you mean mse?"), ("losses", "kl_div", "sg.losses.kl_divergence(log_prediction, target)"),
    ("optim", "adam", "did you mean Adam?"), ("optim", "sgd", "did you mean SGD?"), ("optim", "LevenbergMarquart", "did you mean Lev"),
    ("optim", "CosineAnnealingLR", "sg.optim.CosineLR(epochs)"), ("optim", "Adadelta", "its formulas as a rule: sg.optim.rule(name, formulas)"),
    ("nn", "lstm", "did you mean LSTM?"), ("nn", "ReLu", "did you mean ReLU?"), ("nn", "Dense", "sg.nn.Linear(in_features"),
    ("estimators", "netclassifier", "did you mean NetClassifier?"), (None, "gradeint", "did you mean gradient?"),
])
def test_a_name_that_is_nearly_there_is_named(where, name, said):
    module = sg if where is None else getattr(sg, where)
    with pytest.raises(AttributeError) as error:
        getattr(module, name)
    assert f"has no attribute '{name}': {said}" in str(error.value)


@pytest.mark.parametrize("where", ["losses", "optim", "nn", "estimators"])
def test_what_is_like_nothing_is_only_said_to_be_missing(where):
    module = getattr(sg, where)
    for name in ("quux", "annotations", "Tensor", "__path_to__", "hints"):
        with pytest.raises(AttributeError) as error:
            raise AttributeError if name in vars(module) else getattr(module, name)
        assert "did you mean" not in str(error.value), error.value
    assert not hasattr(module, "__wrapped__")


def test_hints_name_what_there_is():
    """Every name behind sg.losses., sg.optim., ... in a hint is there."""
    import re

    from symgrad.language import habits

    for table in (habits.OPTIM, habits.LOSSES, habits.ESTIMATORS, habits.NN, habits.PACKAGE):
        for hint in table.values():
            for where, name in re.findall(r"\bsg\.(losses|optim|nn|estimators)\.(\w+)", hint):
                assert hasattr(getattr(sg, where), name), hint
            for name in re.findall(r"\bsg\.(\w+)\(", hint):
                assert name in sg.__all__, hint


def test_a_tensor_names_the_method_that_is_like_it():
    with pytest.raises(AttributeError, match="a tensor has no attribute 'reshap': did you mean reshape"):
        sg.data("x", 4).reshap((2, 2))


@pytest.mark.parametrize("layer, next_one", [(sg.nn.LSTM(4, 3), sg.nn.Linear(3, 2)), (sg.nn.GRU(4, 3), sg.tanh), (sg.nn.RNN(4, 3), sg.nn.ReLU())])
def test_layers_in_a_row_say_that_a_recurrent_one_gives_two_things(layer, next_one):
    x = sg.data("x", (5, 4))
    with pytest.raises(TypeError) as error:
        sg.nn.Sequential(sg.nn.Linear(4, 4), layer, next_one)(x)
    assert f"Sequential: {layer!r} gives (output, state), and " in str(error.value)
    assert "write output, state = net[1](x), then net[2](output) or, of the last step, net[2](output[-1])" in str(error.value)
    assert len(sg.nn.Sequential(sg.nn.Linear(4, 4), layer)(x)) == 2  # as the last it may
    with pytest.raises(TypeError, match=r"of the pair that a recurrent layer gives take the first: output, state = layer\(x\)"):
        sg.tanh(layer(x))
