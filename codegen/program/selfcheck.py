"""The self-test of a program, `--check`, as text: its gradients against differences, its step against its gradients."""

from __future__ import annotations

from symgrad.codegen.program.frame import Frame
from symgrad.codegen.program.network import Network
from symgrad.graphs.sizes import free_symbols

CHECK = '''\
def check(data=None, params=None, seed=0, log=print):
    """Whether `backward` gives what differences of `forward` give, and a step what `backward` does.

    At given data and parameters or at drawn ones. Tells the relative error of each gradient.
    """
    rng = np.random.default_rng((seed, 3))
    coarse = DTYPE == np.float32
    for low in (-2, 0.1) if data is None else (None,):
        batch = drawn(rng, low) if data is None else few(checked(data, DATA))
        start = started_at(batch, seed) if params is None else params
        for spread in (0.1, 0):  # not where a training starts, often a kink or a point of symmetry
            point = [${get}(array).astype(float) for array in start.values()]
            point = [array + spread * rng.standard_normal(array.shape) for array in point]
            loss, found = double("backward", point, batch)
            if np.isfinite(loss) and all(np.isfinite(g).all() for g in found.values()):
                break
        else:
            continue
        break
    else:
        raise ValueError("the loss is not finite where it was checked; give data at which it is")
    state = begin(dict(zip(PARAMETERS, point)))
    value = float(step(state, batch, 0.0))
${value}    log(f"loss {loss:.6g}, ${of} {value:.6g}  {'ok' if right else 'WRONG'}")
    for k, name in enumerate(PARAMETERS${moved}):
        slope = found[name]
        errors = [difference(point, batch, k, slope, rng) for _ in range(3)]
${own}
        right = right and good
        verdict = "ok" if good else "WRONG"
        log(f"{name}: {off(max(errors))} by differences, {off(own)} in a step  {verdict}")
    return bool(right)


def off(error):
    """A relative error in words."""
    return f"{error:.1e}" if error else "equal"


def difference(point, batch, k, slope, rng):
    """The relative error of the gradient by one parameter in a random direction."""
    way = rng.standard_normal(slope.shape)
    told, errors = float((slope * way).sum()), []
    scale = float(np.sqrt((slope * slope).sum()))
    for width in (1e-3, 1e-4, 1e-5, 1e-6, 1e-7):
        ends = []
        for sign in (1, -1):
            moved = list(point)
            moved[k] = point[k] + sign * width * way
            ends.append(double("forward", moved, batch))
        seen = (ends[0] - ends[1]) / (2 * width)
        rounding = 1e-14 * max(map(abs, ends)) / width
        size = max(abs(seen), abs(told), scale, 1e-300)
        errors.append(max(abs(seen - told) - rounding, 0) / size)
    return min(errors)


${quiet}def double(name, point, batch):
    """`forward` or `backward` in double precision, as NumPy's numbers."""
    arrays = [array.astype(float) if array.dtype.kind == "f" else array for array in batch]
    result = globals()[name](*(${point}), *arrays)
    if name == "forward":
        return float(result)
    return float(result[0]), {key: np.asarray(${get}(g)) for key, g in result[1].items()}


${trained}def few(data):
    """The first samples, at most 20, as a batch."""
    return [data[name]${rows} for name in DATA]


def drawn(rng, low):
    """A batch of random numbers, for sizes that follow from nothing."""
    sizes, batch = {}, []
    for name in DATA:
        shape = []
        for size in ARRAYS[name]:
            if not isinstance(size, int) and not size.isidentifier():
                raise ValueError(f"a size of {name} is {size}: give data to check the gradients at")
            shape.append(size if isinstance(size, int) else sizes.setdefault(size, 5 + len(sizes)))
        kind = np.dtype(${dtype})
        if kind.kind == "f":
            array = rng.uniform(low, 2, shape)
        else:
            array = rng.integers(0, ${most}, shape)
        batch.append(${put})
    return batch


def started_at(batch, seed):
    """Initial values for the sizes of a batch."""
    return ${init}
'''


SAME = """\
    right = abs(value - loss) <= (1e-3 if coarse else 1e-8) * max(abs(loss), 1e-30)
"""
SAME_SLOPES = """\
        own = np.abs(${get}(state["gradients"][name]) - slope).max(initial=0)
        own /= np.abs(slope).max(initial=0) or 1.0
        good = max(errors) < (5e-3 if coarse else 1e-4) and own < (1e-2 if coarse else 1e-7)"""
OTHER = """\
    right = math.isfinite(value)
"""
OTHER_SLOPES = """\
        slope = ${get}(state["gradients"][name]).astype(float)
        own = max(drawn_difference(point, batch, k, slope, rng, coarse) for _ in range(3))
        good = max(max(errors), own) < (5e-2 if coarse else 1e-4)"""
TRAINED = '''\
def drawn_difference(point, batch, k, slope, rng, coarse):
    """The same of a first step, which draws the same whenever it is taken."""
    way = rng.standard_normal(slope.shape)
    told, errors = float((slope * way).sum()), []
    for width in (1e-1, 1e-2, 1e-3, 1e-4, 1e-5):
        ends = []
        for sign in (1, -1):
            moved = list(point)
            moved[k] = point[k] + sign * width * way
            ends.append(float(step(begin(dict(zip(PARAMETERS, moved))), batch, 0.0)))
        seen = (ends[0] - ends[1]) / (2 * width)
        rounding = (1e-6 if coarse else 1e-14) * max(map(abs, ends)) / width
        scale = float(np.sqrt((slope * slope).sum()))
        errors.append(max(abs(seen - told) - rounding, 0) / max(abs(seen), scale, 1e-300))
    return min(errors)


'''


def check_text(net: Network, frame: Frame, kinds: bool, classes: bool, lengths: bool) -> str:
    """`check` and what it needs."""
    free = free_symbols([s for _, node in net.parameters for s in node.shape if s not in net.sizes])
    most = "LENGTHS.get(name, 2)" if lengths else "2"
    most = f"CLASSES.get(name, {most})" if classes else most
    whole = any(node.attrs[0].over is None for _, node in net.data)
    rows = "" if not net.divisible else "[:20] if name in SAMPLES else data[name]" if whole else "[:20]"
    put = frame.library.put.format
    parts = {"value": SAME, "of": "of a step", "own": frame.filled(SAME_SLOPES), "trained": ""}
    if net.still is not None:
        parts = {"value": OTHER, "of": "in training", "own": frame.filled(OTHER_SLOPES), "trained": TRAINED}
    return frame.filled(CHECK, **parts, moved=f"[: -{net.frozen}]" if net.frozen else "",
                        dtype="KINDS.get(name, DTYPE)" if kinds else "DTYPE", most=most, rows=rows,
                        put=put("array.astype(kind)"), point=f"{put('array')} for array in point",
                        init="init(seed, batch)" if free else "init(seed)")
