"""Networks of layers drawn at random: a step of a program is the formula's, with its masks, statistics and gradients.

What a step should do is computed by another way: the value and the gradients by `sg.function(..., training=True)` with the
masks of the same seed and step, running statistics by PyTorch's rule, in NumPy.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import symgrad as sg
from symgrad.nn.batch import BatchNorm

T = sg.dim("T")
KINDS = ("linear", "norm", "norm without", "drop", "tanh", "frozen", "momentless")


@st.composite
def networks(draw):
    """Layers, and the width they end with."""
    width, layers = 3, [sg.nn.Linear(3, 4)]
    width = 4
    for kind in draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=6)):
        if kind == "linear":
            new = draw(st.integers(1, 5))
            layers.append(sg.nn.Linear(width, new))
            width = new
        elif kind == "drop":
            layers.append(sg.nn.Dropout(draw(st.sampled_from([0.1, 0.5, 0.8]))))
        elif kind == "tanh":
            layers.append(sg.nn.Tanh())
        else:
            momentum = None if kind == "momentless" else draw(st.sampled_from([0.1, 0.5, 1.0]))
            norm = sg.nn.BatchNorm1d(width, momentum=momentum, affine=kind != "norm without")
            layers.append(norm.freeze() if kind == "frozen" else norm)
    return sg.nn.Sequential(*layers), draw(st.integers(0, 1000)), draw(st.sampled_from([2, 5, 8]))


@pytest.mark.parametrize("backend", ["numpy", "c"])
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(networks())
def test_a_step_is_that_of_the_formula(backend, drawn):
    net, seed, size = drawn
    rng = np.random.default_rng(seed)
    x = sg.data("x", 3, over=T)
    stages = [x]
    for layer in net.layers:
        stages.append(layer(stages[-1]))
    loss = sg.mean(sg.sum(sg.sin(stages[-1]) ** 2), over=T)
    model = sg.Model(loss, backend=backend, dtype="float64", seed=seed)
    symbols = {t.name: t for t in (*net.parameters(), *net.buffers())}
    symbols = {name: symbols[name] for name in model.parameters}  # a frozen layer's parameters are there, too
    trained = [t for t in net.parameters() if t.name in symbols]
    inner = [stage for stage, layer in zip(stages, net.layers, strict=False) if isinstance(layer, BatchNorm)]
    norms = [layer for layer in net.layers if isinstance(layer, BatchNorm)]
    f = sg.function({"x": x, **symbols}, [loss, sg.gradient(loss, trained), inner], training=True, seed=seed)
    batches = [rng.standard_normal((size, 3)) for _ in range(3)]
    wanted = {name: np.array(a) for name, a in model.parameters.items()}
    for number, batch in enumerate(batches, start=1):
        value, slopes, entered = f(batch, **wanted)
        step = model.stepper({"x": batch}, sg.optim.SGD(0.1))
        assert np.isclose(step(), value, atol=1e-10)
        for t, slope in zip(trained, slopes, strict=True):
            wanted[t.name] = wanted[t.name] - 0.1 * slope
        for norm, given_to in zip(norms, entered, strict=True):
            by = norm.momentum if norm.momentum is not None else 1 / number
            for kept, new in ((norm.running_mean, given_to.mean(0)), (norm.running_var, given_to.var(0, ddof=1))):
                wanted[kept.name] = (1 - by) * wanted[kept.name] + by * new
            if norm.momentum is None:
                wanted[norm.num_batches_tracked.name] = np.array(float(number))
        for name, array in model.parameters.items():
            assert np.allclose(array, wanted[name], atol=1e-8), name
    still = sg.function({"x": x, **symbols}, loss)
    assert np.isclose(model.evaluate({"x": batches[0]})["loss"], still(batches[0], **wanted), atol=1e-8)
