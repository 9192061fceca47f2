"""Functions in formulas: σ(z), tr(A), softmax(Z, axis=1), max_j(z_j), np.dot(X.T, r), stacks, ranges of whole numbers.

A function of entries keeps open sizes open; a reduction acts on the axes that no letter counts; all others get their
arguments built. Their names are those of `vocabulary.py`, as they are printed, and as NumPy has them.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import reduce
from types import MappingProxyType
from typing import Any

import sympy as sp

from symgrad.reading import indices
from symgrad.reading import vocabulary as words
from symgrad.reading.folding import fold, is_number
from symgrad.reading.meaning import Meaning, folded_axes
from symgrad.reading.pratt import Piece
from symgrad.reading.values import OpenSize, Worth, meet, samples_of, settled, size_of

PRINTED = MappingProxyType({"σ": "sigmoid", "tr": "trace", "Tr": "trace", "chol": "cholesky", "ln": "log",
                            "stop": "stop_gradient", "sg": "stop_gradient"})
REDUCED = frozenset("sum mean max min prod var std logsumexp".split())
ALONG = frozenset("softmax log_softmax cumsum argmax argmin".split())
STACKED = frozenset("trace det logdet inv cholesky tril triu".split())  # act on the last two axes
SQUARE = frozenset("trace det logdet inv cholesky solve".split())
OWN = frozenset("concat diag onehot cof adj len vec flatten unflatten norm".split())


def callables(functions: words.Functions) -> frozenset[str]:
    """The words that take arguments in parentheses."""
    return frozenset(functions) - frozenset(words.FACTORIES) | PRINTED.keys() | OWN


def call(m: Meaning, piece: Piece) -> Any:
    """f(x), with what stands in a subscript of f."""
    text, args, subs, named = piece.args
    function = PRINTED.get(text, text)
    options = {word: _plain(m, value) for word, value in named}
    if text == "log" and len(subs) == 1 and subs[0].head == "num" and subs[0].args[0] in ("2", "10"):
        function, subs = f"log{subs[0].args[0]}", ()
    if subs:
        return _indexed(m, piece, function, args, subs)
    if function in ("max", "min") and len(args) > 1:
        pair = m.functions["maximum" if function == "max" else "minimum"]
        return m.each(piece, function, lambda *ts: reduce(pair, ts), [m.whole(a) for a in args])
    if function in SPECIAL and not (options and function == "norm"):
        return SPECIAL[function](m, piece, args)
    if function.endswith("'") or (function not in m.functions):
        m.refuse(piece, f"there is no function {text!r}")
    if function in words.ELEMENTWISE and not options:
        return _of_entries(m, piece, function, args)
    if function in REDUCED and len(args) == 1 and not options:
        return folded_axes(m, piece, function, m.whole(args[0]))
    if function in (*ALONG, *REDUCED) and args:
        return _along(m, piece, function, args, options)
    return _built(m, piece, function, args, options)


def _of_entries(m: Meaning, piece: Piece, function: str, args: Any) -> Worth:
    """A function of entries; numbers among its arguments stay numbers, such as the slope of leaky_relu."""
    values = [m.value(a) for a in args]
    if all(map(is_number, values)):
        values = [m.lifted(v, a) for v, a in zip(values, args, strict=True)]
    fixed = [float(v) if isinstance(v, Fraction) else None if isinstance(v, Worth) else v for v in values]

    def filled(*tensors: Any) -> Any:
        left = iter(tensors)
        return m.functions[function](*(next(left) if each is None else each for each in fixed))

    return m.each(piece, function, filled, [v for v in values if isinstance(v, Worth)])


def _along(m: Meaning, piece: Piece, function: str, args: Any, options: dict[str, Any]) -> Worth:
    """A function along one axis, counted among those that no letter counts."""
    value = m.whole(args[0])
    lead = len(value.letters)
    if len(args) > 2 or options.keys() - {"axis", "keepdims", "reverse"}:
        m.refuse(piece, f"{function} takes what it is of, and axis=")
    if len(args) > 1:
        options["axis"] = _plain(m, args[1])
    axis = options.pop("axis", None)
    if function == "cumsum" and options.pop("reverse", 0):  # as it is printed
        flip, place = m.functions["flip"], -1 if axis is None else axis + lead if axis >= 0 else axis
        sums = m.functions["cumsum"]
        build = lambda: flip(sums(flip(value.tensor(), place), place), place)  # noqa: E731
        return Worth(value.shape, build, value.letters, value.samples)
    if axis is not None:
        axes = axis if isinstance(axis, tuple) else (axis,)
        moved = tuple(a + lead if a >= 0 else a for a in axes)
        options["axis"] = moved if isinstance(axis, tuple) else moved[0]
    if function in ("softmax", "log_softmax", "cumsum") or not lead:
        if function in ("softmax", "log_softmax", "cumsum"):
            return Worth(value.shape, lambda: m.run(piece, function, m.functions[function], value.tensor(), **options),
                         value.letters, value.samples)
    elif axis is None:
        m.refuse(piece, f"{function} of what has indices needs axis=")
    tensor = m.run(piece, function, m.functions[function], value.tensor(), **options)
    return Worth(tensor.shape[lead:], lambda: tensor, value.letters, value.samples)


def _indexed(m: Meaning, piece: Piece, function: str, args: Any, subs: Any) -> Any:
    """max_j(z_ij) over the letter j; softmax_j(z_ij) at the letter j."""
    if function == "cof":
        m.refuse(piece, "minors of a higher order are not read")
    if len(args) != 1:
        m.refuse(piece, f"{function} with an index has one argument")
    if function in ("softmax", "log_softmax"):
        value = m.whole(args[0])
        found = [indices.place(m, sub) for sub in subs]
        if len(found) == 1 and isinstance(found[0], OpenSize) and found[0] in value.letters:
            axis = value.letters.index(found[0])
            return Worth(value.shape, lambda: m.run(piece, function, m.functions[function], value.tensor(), axis=axis),
                         value.letters, value.samples)
        m.refuse(piece, f"the index of {function} is one of its argument")
    if function not in REDUCED:
        m.refuse(piece, f"{function} takes no index")
    letters = indices.bound(m, subs)
    value = indices.within(m, letters, args[0])
    for letter in letters.values():
        if letter.sample and letter not in value.letters:
            value = indices.over_samples(m, piece, value, letter, function)
        elif letter in value.letters:
            value = indices.reduced(m, piece, value, letter, function)
    return value


def _plain(m: Meaning, piece: Piece) -> Any:
    """An argument as Python has it: a number, a tuple, a flag, a built tensor."""
    if piece.head == "tuple":
        return tuple(_plain(m, part) for part in piece.args)
    if piece.head == "parens":
        return _plain(m, piece.args[0])
    if piece.head == "word" and piece.args[0] in ("True", "False", "None"):
        return {"True": True, "False": False, "None": None}[piece.args[0]]
    return _argument(m, piece, m.value(piece))


def _argument(m: Meaning, piece: Piece, value: Any) -> Any:
    if isinstance(value, Fraction):
        return float(value)
    if isinstance(value, int) and abs(value) > words.SIZE:
        m.refuse(piece, f"the whole number {value} is too large; {words.SIZE} is the most")
    return _tensor(m, piece, value) if isinstance(value, Worth) else value


def _tensor(m: Meaning, piece: Piece, value: Worth) -> Any:
    if value.letters:
        m.refuse(piece, "what has indices cannot be an argument here")
    return value.tensor()


def _built(m: Meaning, piece: Piece, function: str, args: Any, options: dict[str, Any]) -> Any:
    """Any other function, of arguments that are built."""
    values = [None if a.head == "tuple" or a.args[:1] == ("None",) else m.value(a) for a in args]
    samples = frozenset().union(*(v.samples for v in values if isinstance(v, Worth)))
    if function in SQUARE and isinstance(values[0], Worth) and values[0].ndim > 1:
        meet(*values[0].shape[-2:])
    letters = values[0].letters if len(values) == 1 and isinstance(values[0], Worth) and function in STACKED else ()
    given = [v.tensor() if letters and isinstance(v, Worth) else _plain(m, a) if v is None else _argument(m, a, v)
             for v, a in zip(values, args, strict=True)]
    tensor = m.run(piece, function, m.functions[function], *given, **options)
    if not words.is_tensor(tensor):
        m.refuse(piece, f"{function} gives {len(tensor)} tensors; that is not read here")
    entries = 1
    for size in tensor.shape:
        entries *= size if isinstance(size, int) else 1
    if function in words.CREATORS and entries > words.ENTRIES:
        m.refuse(piece, f"{function} of {entries} entries is too large; {words.ENTRIES} are the most")
    return Worth(tensor.shape[len(letters):], lambda: tensor, letters, samples)


# functions of their own -------------------------------------------------------------------------------------


def diag(m: Meaning, piece: Piece, args: Any) -> Any:
    """A vector as a diagonal matrix, the diagonal of a matrix as a vector."""
    value = m.whole(args[0])
    if value.ndim == 1:
        (size,) = value.shape
        lead = len(value.letters)

        def build() -> Any:
            tensor = value.tensor()
            return m.functions["einsum"]("...i->...ii", tensor) if lead or tensor.ndim > 1 else m.functions["diag"](tensor)

        return Worth((size, size), build, value.letters, value.samples)
    if value.ndim == 2:
        einsum = m.functions["einsum"]
        return Worth(value.shape[:1], lambda: einsum("...ii->...i", value.tensor()), value.letters, value.samples)
    m.refuse(piece, "diag takes a vector or a matrix")


def onehot(m: Meaning, piece: Piece, args: Any) -> Any:
    """Rows with a one at a label."""
    return indices.unit(m, piece, m.whole(args[0]))


def cofactors(m: Meaning, piece: Piece, args: Any) -> Any:
    """det(A) A⁻ᵀ."""
    value = m.whole(args[0])
    f = m.functions

    def build() -> Any:
        tensor = value.tensor()
        turned = f["inv"](tensor).mT if piece.args[0] == "cof" else f["inv"](tensor)
        return f["det"](tensor)[..., None, None] * turned

    return Worth(value.shape, build, value.letters, value.samples)


def length(m: Meaning, piece: Piece, args: Any) -> Any:
    value = m.whole(args[0])
    if not value.ndim:
        m.refuse(piece, "a number has no length")
    return settled(value.shape[0])


def vec(m: Meaning, piece: Piece, args: Any) -> Any:
    """The columns of a matrix below each other."""
    tensor = m.whole(args[0]).tensor()
    made = m.run(piece, "vec", lambda: tensor.T.reshape((-1,)))
    return Worth(made.shape, lambda: made)


def flatten(m: Meaning, piece: Piece, args: Any) -> Any:
    """The entries in their order, the last index fastest."""
    tensor = m.whole(args[0]).tensor()
    made = m.run(piece, "flatten", lambda: tensor.reshape((-1,)))
    return Worth(made.shape, lambda: made)


def reshape(m: Meaning, piece: Piece, args: Any) -> Any:
    """reshape(I, (n, n, n, n)): the new shape says how large I is."""
    if len(args) == 2 and args[1].head in ("tuple", "parens"):
        value, shape = m.whole(args[0]), _plain(m, args[1])
        shape = shape if isinstance(shape, tuple) else (shape,)
        sizes = [settled(size) for size in value.shape]
        unknown = [size for size in sizes if isinstance(size, OpenSize)]
        if len(set(unknown)) == 1 and all(isinstance(size, (int, sp.Expr)) and size != -1 for size in shape):
            rest = sp.prod(shape) / sp.prod([size for size in sizes if not isinstance(size, OpenSize)])
            found = sp.root(rest, len(unknown))
            meet(unknown[0], int(found) if found.is_Integer else found)
        tensor = m.run(piece, "reshape", m.functions["reshape"], _tensor(m, args[0], value), shape)
        return Worth(tensor.shape, lambda: tensor, (), value.samples)
    return _built(m, piece, "reshape", args, {})


def concat(m: Meaning, piece: Piece, args: Any) -> Any:
    """concat(A, B, axis=2): what no matrix of blocks shows."""
    options = {word: _plain(m, value) for word, value in piece.args[3]}
    values = [m.whole(a) for a in args]
    tensors = [_tensor(m, a, v) for a, v in zip(args, values, strict=True)]
    made = m.run(piece, "concat", m.functions["concatenate"], tensors, **options)
    return Worth(made.shape, lambda: made, (), samples_of(values))


def norm_of(m: Meaning, piece: Piece, args: Any) -> Any:
    if len(args) > 1:
        return _built(m, piece, "norm", args, {})
    return m.value(Piece("norm", (args[0], ""), piece.column))


SPECIAL = MappingProxyType({"diag": diag, "onehot": onehot, "cof": cofactors, "adj": cofactors, "len": length, "vec": vec,
                            "norm": norm_of, "reshape": reshape, "unflatten": reshape, "flatten": flatten,
                            "concat": concat})


def method(m: Meaning, piece: Piece) -> Any:
    """np.dot(a, b) is a function, X.dot(w) a method."""
    base, word, args, named = piece.args
    if base.head == "word" and base.args[0] in words.MODULES:
        if word in m.functions or word in OWN:
            return call(m, Piece("call", (word, args, (), named), piece.column))
        table = words.numpy_functions()
        if word not in table or named:
            m.refuse(piece, f"there is no function {word!r} behind {base.args[0]}.")
        return m.each(piece, word, table[word], [m.whole(a) for a in args])
    if word == "dot" and len(args) == 1:
        return m.value(Piece("matmul", (base, args[0]), piece.column))
    if word not in words.METHODS:
        m.refuse(piece, f"there is no method .{word}()")
    if is_number(m.value(base)):
        m.refuse(piece, f".{word}() belongs to tensors; this is a number")
    if word in m.functions:
        return call(m, Piece("call", (word, (base, *args), (), named), piece.column))
    tensor = m.whole(base).tensor()
    options = {key: _plain(m, value) for key, value in named}
    made = m.run(piece, word, getattr(tensor, word), *(_argument(m, a, m.value(a)) for a in args), **options)
    return Worth(made.shape, lambda: made)


def shape(m: Meaning, piece: Piece) -> Any:
    m.refuse(piece, ".shape is all sizes; take one of them, as in .shape[0]")


# stacks and ranges ------------------------------------------------------------------------------------------


def matrix(m: Meaning, piece: Piece) -> Any:
    """[a; b] one below the other, [A, B] side by side."""
    rows = [[m.whole(part) for part in row] for row in piece.args]
    flat = all(len(row) == 1 and row[0].ndim < 2 for row in rows)
    f = m.functions
    samples = frozenset().union(*(v.samples for row in rows for v in row))

    def block(value: Worth) -> Any:
        tensor = value.tensor()
        if flat:
            return tensor if value.ndim else tensor[None]
        return tensor if value.ndim == 2 else tensor[:, None] if value.ndim else tensor[None, None]

    def build() -> Any:
        if flat:
            return f["concatenate"]([block(row[0]) for row in rows])
        made = [f["concatenate"]([block(v) for v in row], axis=1) if len(row) > 1 else block(row[0]) for row in rows]
        return f["concatenate"](made, axis=0) if len(made) > 1 else made[0]

    if any(v.letters for row in rows for v in row):
        m.refuse(piece, "what has indices cannot be stacked")
    for value in (v for row in rows for v in row):
        for size in value.shape:
            size_of(size, m.source)
    made = m.run(piece, "[ ]", build)
    return Worth(made.shape, lambda: made, (), samples)


def count(m: Meaning, piece: Piece) -> Any:
    """(0..n-1): whole numbers in order."""
    first, last = (m.value(part) for part in piece.args)
    size = m.run(piece, "..", fold, "+", last, 1) if is_number(last) else None
    if first != 0 or size is None or (isinstance(size, int) and not 0 <= size <= words.SIZE) or isinstance(size, float):
        m.refuse(piece, "a range of whole numbers is (0..n-1)")
    made = m.functions["arange"](size)
    return Worth(made.shape, lambda: made)


def group(m: Meaning, piece: Piece) -> Any:
    m.refuse(piece, "[ ] hold entries, [..]_ij, a condition, [a > 0], or a stack, [a; b]; write ( )")


RULES: Mapping[str, Any] = MappingProxyType({
    "call": call, "method": method, "shape": shape, "matrix": matrix, "count": count, "group": group,
    "tuple": lambda m, piece: m.refuse(piece, "a tuple stands only as an argument"),
    "range": lambda m, piece: m.refuse(piece, "a range stands only between [ and ]"),
})
