"""The parts of a training module that are the same for every model, as text: templates of `module.py`.

Kept short enough to read: this is what a user finds around the formulas. `${...}` is filled in by `filled`. Files
and checks are NumPy's in every backend; a `Frame` says how arrays get from there to where a backend computes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from symgrad.codegen.python.job import Blocks, Stepping
from symgrad.codegen.python.libraries import CUPY, NUMPY, Library
from symgrad.codegen.python.workspace import filled

FRAME = """forward backward predict update init flat begin step fitted checked batches train load save resumed main DTYPE LR
PIECE cut views slot gradients MISSING LENGTHS ARRAYS PARAMETERS DATA INPUTS SAMPLES KINDS CLASSES LARGE
argparse math os sys time zipfile Path""".split()
CONSTANTS = ".constants.npz"  # the suffix of the file beside a module that holds its large arrays
PIECE = 1 << 16  # entries an update takes at a time: a few such arrays lie in a cache of the second or third level
NUMPY_LINE = "import numpy as np"
_FANS = {"glorot": "(fan_in + fan_out)", "he": "fan_in"}
_SOURCES = {"glorot": "Glorot and Bengio 2010, eq. 16", "he": "He et al. 2015, eq. 10"}
_DRAWS = {
    "uniform": "bound = math.sqrt(6 / {fans})\n    return rng.uniform(-bound, bound, shape).astype(DTYPE)",
    "normal": "deviation = math.sqrt(2 / {fans})\n    return (deviation * rng.standard_normal(shape)).astype(DTYPE)",
}


def _drawn(family: str, kind: str) -> str:
    out = "fan_out = shape[0] * math.prod(shape[2:])\n    " if family == "glorot" else ""
    return f'''\
def {family}_{kind}(rng, shape):
    """{_SOURCES[family]}; of a matrix (out, in), or with a window in further axes."""
    {out}fan_in = shape[1] * math.prod(shape[2:])
    {_DRAWS[kind].format(fans=_FANS[family])}
'''


INITIALS: Mapping[str, str] = MappingProxyType({
    **{f"{family}_{kind}": _drawn(family, kind) for family in _FANS for kind in _DRAWS},
    "normal": '''\
def normal(rng, shape):
    """Standard normal numbers."""
    return rng.standard_normal(shape).astype(DTYPE)
''',
})

VIEWS = '''\
def views(vector, arrays):
    """Pieces of a vector in the shapes of the arrays of a dict, one after the other."""
    pieces, start = {}, 0
    for name, array in arrays.items():
        pieces[name] = vector[start : start + array.size].reshape(array.shape)
        start += array.size
    return pieces
'''

FLAT = '''\
def flat(arrays):
    """The arrays of a dict one after the other, as one vector."""
    return ${np}.concatenate([${array}.ravel() for array in arrays.values()])
'''


BEGIN = '''\
def begin(params):
    """What `step` works on: parameters, gradients (views of vectors)${kept}."""
    params = fitted(params, PARAMETERS)
    theta, g = flat(params), flat(params)
    return {
        "t": 0,
        "theta": theta,
        "params": views(theta, params),
        "g": g,
        "gradients": views(g, params),
        "loss": ${np}.zeros((), DTYPE),
        "rooms": {},  # where `gradients` and `update` compute, one after the other
${states}    }
'''

CUT = '''\
def cut(state):
    """What `update` takes at a time: pieces of the vectors that lie in the cache together."""
    vectors = (${vectors})
    starts = range(0, ${count}, PIECE)
    state["pieces"] = [tuple(vector[i : ${end}] for vector in vectors) for i in starts]
    return state["pieces"]
'''

STEP = '''\
${quiet}def step(state, batch, lr=LR):
    """One step of ${name} on a batch, in place; gives the loss before it${where}."""
${body}
    return ${value}
'''

LABELS = '''
        if name in CLASSES and not np.all((0 <= array) & (array < CLASSES[name])):
            raise ValueError(f"{name}: labels must lie in 0..{CLASSES[name] - 1}")'''

INDICES = '''
        if name in LENGTHS and not np.all((-LENGTHS[name] <= array) & (array < LENGTHS[name])):
            raise ValueError(f"{name}: an index is out of range for an axis of length {LENGTHS[name]}")'''

FITTED = '''\
def fitted(given, names):
    """The named arrays, converted; raises ValueError for kinds and shapes that do not fit."""
    arrays, sizes = {}, {}
    for name in names:
        if name not in given:
            raise ValueError(f"there is no array {name!r}; there are {', '.join(given)}")
        array, wanted = ${np}.asarray(given[name]), ${dtype}
        if not np.can_cast(array.dtype, wanted, "same_kind"):
            raise ValueError(f"{name}: {array.dtype} values, but {np.dtype(wanted)} is needed")
        if len(array.shape) != len(ARRAYS[name]):
            raise ValueError(f"{name}: shape {array.shape}, but {ARRAYS[name]} is needed")
        for axis, (size, length) in enumerate(zip(ARRAYS[name], array.shape)):
            if sizes.setdefault(size, size if isinstance(size, int) else length) != length:
                raise ValueError(f"{name}: axis {axis} has length {length}, not {sizes[size]}")
        arrays[name] = array.astype(wanted, copy=False)
    return arrays
'''

CHECKED = '''\
def checked(data, names):
    """The same, of data; raises ValueError for values that cannot be, too."""
    arrays = fitted(data, names)
    for name in names:
        array = ${get}(data[name])
        if not array.size:
            raise ValueError(f"{name}: the array is empty")
        if not np.all(np.isfinite(array)):
            where = np.argwhere(~np.isfinite(array))[0].tolist()
            raise ValueError(f"{name}: NaN or infinity at {where}")${labels}
    return arrays
'''

BATCHES = '''\
def batches(data, size, rng):
    """Minibatches in random order, each with its number of samples; the last may be smaller."""
    count = len(data[SAMPLES[0]])
    order = ${order}
    for first in range(0, count, size):
        chosen = order[first : first + size]
        yield len(chosen), [data[name]${chosen} for name in DATA]
'''

WHOLE = '''\
def batches(data, size, rng):
    """There is no sample axis to cut: one step sees all the data."""
    yield 1, [data[name] for name in DATA]
'''

LOOP = '''\
            total, seen, start = 0.0, 0, time.perf_counter()
            for count, batch in batches(data, batch_size, rng):
                loss = float(step(state, batch, lr))
                if not math.isfinite(loss):
                    raise FloatingPointError(f"the loss is {loss} in epoch {epoch}; lower lr={lr}")
                total, seen = total + count * loss, seen + count
            log(f"epoch {epoch:3d}   loss {total / seen:.6g}   {time.perf_counter() - start:.2f} s")
'''

DEVICE_LOOP = '''\
            total, seen, start = cp.zeros(()), 0, time.perf_counter()
            for count, batch in batches(data, batch_size, rng):
                total, seen = total + count * step(state, batch, lr), seen + count
            loss = total.item() / seen  # all that is read from the device in an epoch
            if not math.isfinite(loss):
                raise FloatingPointError(f"the loss is {loss} in epoch {epoch}; lower lr={lr}")
            log(f"epoch {epoch:3d}   loss {loss:.6g}   {time.perf_counter() - start:.2f} s")
'''

TRAIN = '''\
def train(data, epochs=10, batch_size=32, lr=LR, seed=0, params=None, log=print):
    """The parameters after training on arrays by name, from `params` or anew; Ctrl-C ends it."""
    data = checked(data, DATA)
    state = begin(${init} if params is None else params)
    rng = np.random.default_rng((seed, 1))
    try:
        for epoch in range(1, epochs + 1):
${loop}    except KeyboardInterrupt:
        log(f"stopped in epoch {epoch}; what was learnt is kept")
    return state["params"]
'''

FILES = '''\
def load(path):
    """The arrays of an .npz file by name; nothing in it is run."""
    with open(path, "rb") as file:
        arrays = np.load(file, allow_pickle=False)
        if isinstance(arrays, np.ndarray):
            raise ValueError(f"{path}: one array without a name; an .npz file holds arrays by name")
        return dict(arrays)


def save(path, arrays):
    """Writes arrays by name to an .npz file, whole or not at all."""
    part = f"{path}.part"
    try:
        with zipfile.ZipFile(part, "w") as file:
            for name, array in arrays.items():
                with file.open(f"{name}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array(member, ${get}(array), allow_pickle=False)
        os.replace(part, path)
    finally:
        if os.path.exists(part):
            os.remove(part)


def resumed(path):
    """The parameters that `save` wrote; raises ValueError where one is missing or does not fit."""
    try:
        return fitted(load(path), PARAMETERS)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
'''

MAIN = '''\
def main(argv=None):
    """The command line; `--help` says what it can do."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\\n")[0]${prog})
    add = parser.add_argument
    add("data", help=".npz file with the arrays " + ", ".join(DATA)${percents})
    add("--epochs", type=int, default=10, help="passes over the data (%(default)s)")
    add("--batch-size", type=int, default=32, help="samples of a step (%(default)s)")
    add("--lr", type=float, default=LR, help="learning rate (%(default)s)")
    add("--seed", type=int, default=0, help="of initial values and batches (%(default)s)")
    add("--start", help=".npz file with parameters to start from")
    add("--output", default="model.npz", help="file for the parameters (%(default)s)")
${option}    args = parser.parse_args(argv)
    if args.epochs < 0 or args.batch_size < 1:
        parser.error("--epochs must be 0 or more, --batch-size 1 or more")
    try:
        data = load(args.data)
        params = resumed(args.start) if args.start else None
        params = train(data, args.epochs, args.batch_size, args.lr, args.seed, params)
        save(args.output, params)${action}
    except (OSError, ValueError, FloatingPointError, zipfile.BadZipFile) as error:
        sys.exit(f"{parser.prog}: {error}")
    print(f"parameters in {args.output}")
'''

PREDICT_OPTION = '''\
    add("--predict", metavar="FILE", help="also write the prediction for the data")
'''

PREDICT_ACTION = '''
        if args.predict:
            inputs = checked(data, INPUTS)
            save(args.predict, {"prediction": predict(*params.values(), *inputs.values())})'''

GPU = '''\
try:
    import cupy as cp${more}

    MISSING = "" if cp.cuda.is_available() else "no NVIDIA GPU with a driver is found"
except ImportError as error:
    MISSING = "CuPy cannot be imported: " + " ".join(str(error).split())[:200]
if MISSING:
    MISSING += "; this program needs a GPU and `pip install cupy-cuda12x` (or cupy-cuda13x)"
    if __name__ != "__main__":
        raise ImportError(MISSING)
    print(f"{sys.argv[0]}: {MISSING}", file=sys.stderr)
    sys.exit(2)
'''

LAST = '''\
if __name__ == "__main__":
    main()
'''


@dataclass(frozen=True)
class Frame:
    """How a program handles the arrays of a library."""

    library: Library
    needs: str  # what must be installed
    quiet: str  # the decorator of a step
    value: str  # the loss as a step gives it
    where: str  # and where that lies
    cast: str  # an array of a batch, as the functions take it
    loop: str  # over the minibatches of an epoch
    guard: str = ""  # imports of the library that say what is missing
    pieces: bool = True  # does an update take pieces of the vectors, which lie in a cache together?
    step: Callable[[Stepping], Blocks | None] | None = None  # what writes a step that is not that of the frame

    def import_lines(self, body: str) -> str:
        """The imports of arrays that a text needs."""
        lines = self.library.import_lines(body).split("\n")
        if not self.guard:
            return "\n".join(lines)
        _, *more = [line for line in lines if line != NUMPY_LINE]  # the first is in the guard
        return f"{NUMPY_LINE}\n\n{filled(self.guard, more=''.join(f'{chr(10)}    {line}' for line in more)).rstrip()}"

    def filled(self, template: str, **parts: str) -> str:
        """A part of a program in these words."""
        library = self.library
        words = {"np": library.np, "get": library.get, "array": library.put.format("array"), "quiet": self.quiet,
                 "value": self.value, "where": self.where}
        return filled(template, **{**words, **parts})


HOST = Frame(NUMPY, "NumPy", '@np.errstate(all="ignore")\n', "loss.item()", "",
             'np.asarray(array).astype({kind}, copy=False, casting="same_kind")', LOOP)
DEVICE = Frame(CUPY, "CuPy with a GPU, where its speed has not been measured", "", "loss.copy()", ", on the device",
               "cp.asarray(array, {kind})", DEVICE_LOOP, GPU, pieces=False)
