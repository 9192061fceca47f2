"""What a library of products takes: wherever it says that a matrix lies, the matrix lies there."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import symgrad as sg
from symgrad.codegen.c.windows import arranged
from symgrad.codegen.lowering import acts
from symgrad.codegen.phases.library import library_product
from symgrad.codegen.phases.units import phases_of
from symgrad.codegen.plan.storage import storage
from symgrad.codegen.python.job import Job
from symgrad.codegen.python.setting import setting
from symgrad.computing.backends import backend_of


@st.composite
def views(draw, name, sizes, stack):
    """A matrix, or a stack of some, as a view of an array: transposed, sliced, taken from, in another shape."""
    shape = [*stack, *sizes]
    made = [lambda a: a]
    for _ in range(draw(st.integers(0, 2))):
        how = draw(st.sampled_from(["turn", "slice", "step", "take", "join"]))
        if how == "turn":
            shape[-2:] = shape[:-3:-1]
            made.append(lambda a: a.swapaxes(-1, -2) if isinstance(a, np.ndarray) else sg.transpose(a, (*range(a.ndim - 2), -1, -2)))
        elif how == "slice":
            axis, first = draw(st.integers(-2, -1)), draw(st.integers(0, 2))
            shape[axis] += first
            made.append(lambda a, axis=axis, first=first: a[..., first:, :] if axis == -2 else a[..., first:])
        elif how == "step":
            axis, by = draw(st.integers(-2, -1)), draw(st.sampled_from([2, -1]))
            shape[axis] = shape[axis] * 2 if by == 2 else shape[axis]
            made.append(lambda a, axis=axis, by=by: a[..., ::by, :] if axis == -2 else a[..., ::by])
        elif how == "take":
            place = draw(st.integers(0, 1))
            shape.insert(0, 2)
            made.append(lambda a, place=place: a[place])
        else:
            whole = tuple(shape)
            made.append(lambda a, whole=whole: a.reshape(whole) if isinstance(a, np.ndarray) else sg.reshape(a, whole))
            shape[:] = [int(np.prod(shape))]
            break
    base = sg.data(name, tuple(shape))
    value, array = base, np.random.default_rng(len(name)).standard_normal(tuple(shape))
    at = {name: array}
    for f in reversed(made):
        value, array = f(value), f(array)
    return value, array, at


@st.composite
def pairs(draw):
    """Two such views that can be multiplied."""
    m, n, k = (draw(st.integers(1, 4)) for _ in range(3))
    stack = draw(st.sampled_from([(), (2,), (2, 3)]))
    less = draw(st.sampled_from([stack, ()]))
    return draw(views("A", (m, k), stack)), draw(views("Bb", (k, n), less))


@given(pairs())
def test_a_matrix_lies_where_it_is_said_to_lie(both):
    (a, left, first), (b, right, second) = both
    given = {**first, **second}
    job = Job(backend_of("cupy").module("float64"), "f", [("A", sg.data("A", first["A"].shape).node),
                                                          ("Bb", sg.data("Bb", second["Bb"].shape).node)], [("y", (a @ b).node)])
    begun = arranged(setting(job))
    phases = phases_of(storage(begun.roots))
    names = {e: begun.given[e] for e in begun.given}
    for unit in phases.units():
        p = library_product(unit, phases)
        if p is None or not all(place.base.op is acts.INPUT for place in (p.one, p.two)):
            continue
        found = []
        for place, rows, columns in ((p.one, p.rows, p.depth), (p.two, p.depth, p.columns)):
            flat = given[names[place.base]].reshape(-1)
            steps = (1, place.line) if place.turned else (place.line, 1)
            size = 1 + place.start + (p.count - 1) * place.apart + (rows - 1) * steps[0] + (columns - 1) * steps[1]
            assert size <= flat.size and place.line >= (rows if place.turned else columns)
            found.append(np.lib.stride_tricks.as_strided(flat[place.start:], (p.count, rows, columns),
                                                         [8 * place.apart, 8 * steps[0], 8 * steps[1]]))
        product = np.matmul(*found).reshape(unit.head.shape)
        np.testing.assert_allclose(np.sort(product.ravel()), np.sort((left @ right).ravel()), 1e-12, 1e-12)
