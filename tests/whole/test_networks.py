"""The networks of examples/networks: derived as their papers print them, proved, drawn so that they fit a slide.

Each is a model file; that it trains is tested where examples are.
"""

import importlib.util
import re
import sys

import numpy as np
import pytest
from binders import clashes, trees
from letters_defined import undefined
from places import EXAMPLES

import symgrad as sg

NAMES = sorted(path.stem for path in (EXAMPLES / "networks").glob("*.py"))
FEW = 3  # samples
SLIDE, READABLE = (960, 540), 0.2  # in points, and by how much a drawing may be scaled down to fit


@pytest.fixture(scope="module")
def network():
    """The module of an example, read once."""
    found = {}

    def read(name):
        if name not in found:
            arguments, sys.argv = sys.argv, ["example"]
            spec = importlib.util.spec_from_file_location(f"network_{name}", EXAMPLES / "networks" / f"{name}.py")
            found[name] = importlib.util.module_from_spec(spec)
            try:
                spec.loader.exec_module(found[name])
            finally:
                sys.argv = arguments
        return found[name]

    return read


def losses(module, name):
    """The losses of an example by what they are minimised over; a pair of adversaries has two."""
    if name == "gan":
        return [(module.judge_loss, module.judge.parameters()), (module.loss, module.generator.parameters())]
    return [(module.loss, None)]


def some(module, loss, chance):
    """A few samples of the data of an example, or numbers like them."""
    model = sg.Model(loss, dtype="float64")
    names = [name for name, _ in model.network.data]
    data = getattr(module, "data", None) or {name: chance.standard_normal((FEW, node.shape[-1]))
                                             for name, node in model.network.data}
    over = any(node.attrs[0].over is not None for _, node in model.network.data)
    return model, {name: np.asarray(data[name])[:FEW] if over else data[name] for name in names}


@pytest.mark.parametrize("name", NAMES)
def test_derivations_of_networks(name, network, golden):
    module = network(name)
    derivations = [sg.derive(*pair) for pair in losses(module, name)]
    with trees() as found:
        texts = [derivation.unicode() for derivation in derivations]
    assert not [text for tree, text in found if clashes(tree)]
    golden(f"network_{name}.txt", "\n\n".join([module.__doc__.splitlines()[0], *texts]))
    assert not [use for derivation in derivations for use in undefined(derivation)]


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_networks_are_slopes(name, network):
    """Along a random direction in all parameters at once the loss rises as its gradient says."""
    module = network(name)
    for loss, wrt in losses(module, name):
        chance = np.random.default_rng(0)
        model, batch = some(module, loss, chance)
        model.evaluate(batch)  # parameters get their sizes
        wanted = None if wrt is None else {t.node for t in wrt}
        at = {key: value + chance.normal(0, 0.1, value.shape) for key, value in model.parameters.items()}
        way = {key: chance.standard_normal(at[key].shape) for key, node in model.network.parameters
               if wanted is None or node in wanted}
        model.parameters = at
        slopes = model.gradients(model.checked(batch))
        told = sum(np.sum(slopes[key] * way[key]) for key in way)

        def moved(step):
            model.parameters = {key: at[key] + step * way.get(key, 0) for key in at}
            return model.evaluate(batch)["loss"]

        steps = [(moved(h) - moved(-h)) / (2 * h) for h in (1e-5, 1e-6)]
        assert min(abs(told - step) for step in steps) < 1e-5 * max(1, abs(told)), (name, told, steps)
        if wanted is not None:  # what belongs to the adversary is a constant
            assert all(not np.any(slopes[key]) for key in slopes if key not in way)


@pytest.mark.parametrize("name", NAMES)
def test_steps_of_networks_hold(name, network):
    for pair in losses(network(name), name):
        check = sg.derive(*pair).check()
        assert check, str(check)


@pytest.mark.parametrize("name", NAMES)
def test_drawings_of_networks_fit_a_slide(name, network):
    for pair in losses(network(name), name):
        width, height = (float(x) for x in re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', sg.draw(
            sg.derive(*pair), aspect=16 / 9).svg).groups())
        assert min(SLIDE[0] / width, SLIDE[1] / height) > READABLE, (name, width, height)
