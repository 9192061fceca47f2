"""Slots: arrays that are alive at once never share memory, whatever the graph, the order of steps and the sizes."""

from itertools import combinations

from hypothesis import given, settings
from hypothesis import strategies as st

from symgrad.codegen.c.function import in_order as order_in_c
from symgrad.codegen.lowering.arrays import ALL, Arrays
from symgrad.codegen.plan.lives import Turn, alone, clashes
from symgrad.codegen.plan.scheduling import scheduled, shrinking
from symgrad.codegen.plan.slots import slots
from symgrad.codegen.plan.storage import as_large, by_memory, every_operation, last_reads, reads, same_place, storage
from symgrad.codegen.python.inplace import first_only
from symgrad.graphs.node import REAL
from symgrad.graphs.sizes import dim
from symgrad.graphs.weights import ONE, Weight

T = dim("T")


@st.composite
def graphs(draw):
    """Results of a random graph: functions, sums, products, broadcasts, reshapes, matrix products, two kinds of sizes."""
    b = Arrays()
    made = [b.row(name, [b.full(Weight(3), shape, REAL)], REAL) for name, shape in (
        ("exp", (T, 4, 6)), ("sin", (4, 6)), ("cos", (24,)), ("tan", (T, 4, 3)))]
    for _ in range(draw(st.integers(3, 25))):
        e = draw(st.sampled_from(made[-8:]))
        kind = draw(st.integers(0, 7))
        alike = [x for x in made if x.shape == e.shape]
        other = draw(st.sampled_from(alike))
        if kind == 0:
            made.append(b.row("tanh", [e], REAL))
        elif kind == 1:
            made.append(b.add([(e, ONE), (other, Weight(draw(st.sampled_from([-2, 1]))))], REAL))
        elif kind == 2:
            made.append(b.product([e], [other], ONE, REAL))
        elif kind == 3 and len(e.shape) > 1:
            whole = e.shape[0] if len(e.shape) == 2 else e.shape[0] * e.shape[1]
            flat = b.reshape(e, (whole, e.shape[-1]))
            made.append(b.make("matmul", [flat, b.full(ONE, (e.shape[-1], 6), REAL)], (), (whole, 6), REAL))
        elif kind == 4 and len(e.shape) > 1:
            made.append(b.reduce("sum", e, [len(e.shape) - 1], REAL))
        elif kind == 5 and e.shape == (24 * T, 6):
            made.append(b.reshape(e, (T, 24, 6)))
        elif kind == 5 and e.shape == (4 * T, 6):
            made.append(b.row("cosh", [b.reshape(e, (T, 4, 6))], REAL))
        elif kind == 6 and len(e.shape) == 3:
            mean = b.index(b.reduce("sum", e, [2], REAL), [ALL, ALL, ("new",)])
            made.append(b.add([(e, ONE), (mean, Weight(-1))], REAL))
        elif kind == 7 and len(e.shape) == 2:
            made.append(b.transpose(b.row("abs", [e], REAL), (1, 0)))
    return draw(st.lists(st.sampled_from(made), min_size=1, max_size=4, unique=True))


@settings(max_examples=120, deadline=None)
@given(graphs(), st.sampled_from(["memory", "deep", "sums"]), st.booleans())
def test_arrays_alive_at_once_do_not_share(roots, way, loops):
    kept, shares = (storage(roots), same_place) if loops else (every_operation(roots), first_only)
    kept.stored = {"memory": lambda: by_memory(kept), "deep": lambda: scheduled(kept),
                   "sums": lambda: scheduled(kept, shrinking(kept))}[way]()
    place = {e: step for step, e in enumerate(kept.stored)}
    assert all(place[b] < place[e] for e in kept.stored for b in reads(e, kept) if b in place)
    last = last_reads(kept)
    found, home = slots(kept, set(roots), shares)
    assert set(home) == set(kept.stored) - set(roots)
    for slot in found:
        for a, b in combinations(slot.tenants, 2):
            first, second = sorted((a, b), key=place.__getitem__)
            until = max(last.get(first, 0), place[first])
            taken = until == place[second] and as_large(second, first) and shares(second, first, kept)
            assert until < place[second] or taken
    memory = home.get
    turns = [Turn((e,), (alone(e, kept, lambda x: memory(x, x), shares),), frozenset([e])) for e in kept.stored]
    assert clashes(turns, lambda x: memory(x, x), roots) == []


def test_no_more_than_the_fullest_step_needs_where_one_size_is_all():
    b = Arrays()
    e = b.row("exp", [b.full(Weight(2), (T, 8), REAL)], REAL)
    for name in ("sin", "cos", "sin", "tan", "sin"):
        e = b.row(name, [e], REAL)
    kept = storage([b.reduce("sum", b.add([(e, ONE), (b.row("exp", [e], REAL), ONE)], REAL), [0, 1], REAL)])
    order_in_c(kept)
    assert len(slots(kept, set(kept.roots), same_place)[0]) <= 2


def test_a_small_array_lies_where_a_large_one_lay():
    b = Arrays()
    large = b.row("exp", [b.full(Weight(2), (T, 64), REAL)], REAL)
    small = b.reduce("sum", large, [1], REAL)
    again = b.row("tanh", [b.make("cumsum", [small], ((0,), False), small.shape, REAL)], REAL)
    kept = every_operation([b.make("cumsum", [again], ((0,), False), again.shape, REAL)])
    found, home = slots(kept, set(kept.roots), first_only)
    assert home[large] == home[again] and len(found) == 2
