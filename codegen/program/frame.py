"""The parts of a training module that are the same for every model, as text: templates of `module.py`.

Kept short enough to read: this is what a user finds around the formulas. `${...}` is filled in by `filled`. Files
and checks are NumPy's in every backend; a `Frame` says how arrays get from there to where a backend computes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from symgrad.codegen.program.loop import DEVICE_LOOP, DEVICE_RANKS, LOOP
from symgrad.codegen.python.job import Blocks, Stepping
from symgrad.codegen.python.libraries import CUPY, NUMPY, Library
from symgrad.codegen.python.workspace import filled

FRAME = """forward backward predict update init flat begin step fitted checked batches train load save resumed main DTYPE LR
PIECE views slot gradients MISSING LENGTHS ARRAYS PARAMETERS DATA INPUTS SAMPLES KINDS CLASSES LARGE Named
of_epoch of_step norm_of State of_dict hold taken refused suit possible finite keep started read check whole
fresh locked pack contents kept headers chance mask masks MOVED unpacked opened KEPT RULE NUMBERS INTEGERS
BOOLEANS RATIO MutableMapping argparse contextlib fcntl glob hashlib io json math os secrets signal stat sys time
zipfile Path large Ranks RanksOnDevices world gradients_of_part step_of_part difference double drawn drawn_difference few
started_at gradients_workspace gradients_of_part_workspace update_workspace compiled_step compiled_step_of_part
glorot_uniform glorot_normal he_uniform he_normal normal normal_but off""".split()
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
    "orthogonal": '''\
def orthogonal(rng, shape):
    """Orthonormal rows or columns, of a matrix or of windows flattened: Saxe et al. 2014."""
    rows, columns = shape[0], math.prod(shape[1:])
    q, r = np.linalg.qr(rng.standard_normal((max(rows, columns), min(rows, columns))))
    q *= np.sign(np.diagonal(r))
    return np.ascontiguousarray(q if rows >= columns else q.T).reshape(shape).astype(DTYPE)
''',
    "normal": '''\
def normal(rng, shape):
    """Standard normal numbers."""
    return rng.standard_normal(shape).astype(DTYPE)
''',
    "normal_but": '''\
def normal_but(rng, shape, row):
    """Standard normal numbers, and a row of zeros."""
    array = rng.standard_normal(shape).astype(DTYPE)
    array[row] = 0
    return array
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


STEP = '''\
${quiet}def ${step}(state, batch, lr=LR):
    """One step of ${name} on a batch, in place; gives the loss before it${where}."""
    if type(state) is not State:
        return of_dict(state, batch, lr)
${body}
    state.arrays["t"] = t
    return ${value}
'''

BATCH = '''\
def taken(array, dtype):
    """An array of a batch as a step reads it: a copy where it is of another kind."""
    if type(array) is ${np}.ndarray and array.dtype is dtype:
        return array
    array = ${np}.asarray(array)
    if not np.can_cast(array.dtype, dtype, "same_kind"):
        raise TypeError(f"{array.dtype} values, but {dtype} is needed")
    return array.astype(dtype, copy=False)


def refused(state, batch, error):
    """What is wrong with a batch, by the names of its arrays; another error as it is."""
    if not isinstance(batch, (list, tuple)) or len(batch) != len(DATA):
        return ValueError(f"a batch is a list of {len(DATA)} arrays: {', '.join(DATA)}")
    try:
        possible(fitted({**state["params"], **dict(zip(DATA, batch))}, (*PARAMETERS, *DATA)), DATA)
    except (TypeError, ValueError) as found:
        return ValueError(f"the batch does not fit: {found}")
    return error
'''

LARGE = '''\
def large(path, digest):
    """The large arrays of this program, in a file beside it. Raises ImportError for other ones."""
    with open(path, "rb") as file:
        content = file.read()
    if hashlib.blake2b(content, digest_size=16).hexdigest() != digest:
        raise ImportError(f"{path} does not belong to this version of {__file__}; save both again")
    return np.load(io.BytesIO(content))
'''

LABELS = '''
        if name in CLASSES and not np.all((0 <= array) & (array < CLASSES[name])):
            raise ValueError(f"{name}: labels must lie in 0..{CLASSES[name] - 1}")'''

INDICES = '''
        if name in LENGTHS and not np.all((-LENGTHS[name] <= array) & (array < LENGTHS[name])):
            raise ValueError(f"{name}: an index is out of range for an axis of length {LENGTHS[name]}")'''

FITTED = '''\
def suit(kinds, names):
    """Raises ValueError where a kind, (dtype, shape) by name, does not fit."""
    sizes = {}
    for name in names:
        if name not in kinds:
            raise ValueError(f"there is no array {name!r}; there are {', '.join(kinds)}")
        (dtype, shape), wanted = kinds[name], ${dtype}
        if not np.can_cast(dtype, wanted, "same_kind"):
            raise ValueError(f"{name}: {dtype} values, but {np.dtype(wanted)} is needed")
        if len(shape) != len(ARRAYS[name]):
            raise ValueError(f"{name}: shape {shape}, but {ARRAYS[name]} is needed")
        for axis, (size, length) in enumerate(zip(ARRAYS[name], shape)):
            if sizes.setdefault(size, size if isinstance(size, int) else length) != length:
                raise ValueError(f"{name}: axis {axis} has length {length}, not {sizes[size]}")


def fitted(given, names):
    """The named arrays, converted; raises ValueError for kinds and shapes that do not fit."""
    arrays = {name: ${np}.asarray(given[name]) for name in names if name in given}
    kinds = {name: (array.dtype, array.shape) for name, array in arrays.items()}
    suit({**given, **kinds}, names)
    for name, array in arrays.items():
        arrays[name] = array.astype(${dtype}, copy=False)
    return arrays
'''

CHECKED = '''\
def possible(arrays, names):
    """Raises ValueError for samples that are not there, for labels and indices out of range."""
    for name in names:
        array = ${get}(arrays[name])
        if not array.size:
            raise ValueError(f"{name}: the array is empty")${labels}


def checked(data, names):
    """As `fitted`, of data, whose values must be possible and finite, too."""
    arrays = fitted(data, names)
    possible(arrays, names)
    finite(data, names)
    return arrays


def finite(arrays, names, where=""):
    """Raises ValueError for NaN and infinity."""
    for name in names:
        array = ${get}(arrays[name])
        if not np.all(np.isfinite(array)):
            at = np.argwhere(~np.isfinite(array))[0].tolist()
            raise ValueError(f"{where}{name}: NaN or infinity at {at}")
'''

BATCHES = '''\
def batches(data, size, rng, ranks=None):
    """Minibatches in random order, each with its number of samples; the last may be smaller.

    Of ranks, each gets its part.
    """
    count = len(data[SAMPLES[0]])
    order = ${order}
    for first in range(0, count, size):
        chosen = order[first : first + size]
        samples = len(chosen)
        chosen = chosen if ranks is None else chosen[ranks.part(samples)]
        yield samples, [data[name]${chosen} for name in DATA]${more}
'''

WHOLE = '''\
def batches(data, size, rng, ranks=None):
    """There is no sample axis to cut: one step sees all the data, and of ranks the first counts."""
    yield 1, [data[name] for name in DATA]
'''

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
    if not {"-h", "--help"} & set(sys.argv[1:]):
        print(f"{sys.argv[0]}: {MISSING}", file=sys.stderr)
        sys.exit(2)
    import numpy as cp  # for the help, which needs no GPU
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
    loop: str  # over the minibatches of an epoch
    ranks: str  # the processes that train together
    guard: str = ""  # imports of the library that say what is missing
    pieces: bool = True  # does an update take pieces of the vectors, which lie in a cache together?
    step: Callable[[Sequence[Stepping]], Blocks | None] | None = None  # what writes steps that are not those of the frame
    taken: tuple[str, ...] = ()  # names that it uses

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


HOST = Frame(NUMPY, "NumPy", '@np.errstate(all="ignore")\n', "state.written[0].item()", "", LOOP, "")
DEVICE = Frame(CUPY, "CuPy with a GPU, where its speed has not been measured", "", "state.written[0].copy()",
               ", on the device", DEVICE_LOOP, DEVICE_RANKS, GPU, pieces=False)
