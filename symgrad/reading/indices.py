"""Index notation: entries X_ij, sums over an index, tensors by their entries, Kronecker's δ, unit vectors, ranges.

An index is a letter that a sum or a bracket [..]_ij binds, a number, or a tensor of whole numbers. On a symbol with
samples the first index may be the letter of the sample, which needs no axis: the sample axis rides along.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Sequence
from typing import Any

import sympy as sp

from symgrad.reading.folding import fold, is_number
from symgrad.reading.meaning import HERE, Meaning
from symgrad.reading.pratt import Piece
from symgrad.reading.values import OpenSize, Worth, laid, meet, samples_of, settled, size_of, union
from symgrad.reading.vocabulary import is_tensor

SAMPLES = frozenset("tsnzτ")  # the letters of samples, where formulas are printed
LABELS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
IndexPlace = Any  # an index: a letter (OpenSize), a whole number, a size, a slice, a Worth of whole numbers


def at(m: Meaning, piece: Piece) -> Any:
    """X_ij, x_t, (V x)_i, e_2, δ_ij."""
    base, subs = piece.args
    if base.head == "word" and base.args[0] == "e":
        return unit(m, piece, index_value(m, subs[0]))
    if base.head == "word" and base.args[0] == "δ" and len(subs) == 2:
        return delta(m, piece, *(index_value(m, sub) for sub in subs))
    if base.head == "word" and base.args[0] not in m.letters:
        said = base.args[0] + "_" + ",".join(str(s.args[0]) for s in subs if s.args)
        rows = base.args[0].upper()
        is_matrix = rows in m.symbols and m.symbols[rows].ndim > 1
        likely = f"; row {said.partition('_')[2]} of {rows} is {rows}_{said.partition('_')[2]}" * is_matrix
        m.undeclared(base, f"neither {said!r} nor {base.args[0]!r} is declared{likely}")
    value = m.value(base)
    if is_number(value):
        m.refuse(piece, "a number has no indices")
    samples: frozenset[Any] = value.samples
    known = value.samples == frozenset((HERE,))
    if known and subs and (letter := sample_letter(m, subs[0])) is not None:
        samples, subs = frozenset((letter,)), subs[1:]
    if len(subs) > value.ndim:
        m.refuse(piece, f"{len(subs)} indices for {value.ndim} axes")
    made = picked(m, piece, value, [place(m, sub) for sub in subs]) if subs else value
    more = made.samples - value.samples
    return Worth(made.shape, made.tensor, made.letters, samples | more)


def sample_letter(m: Meaning, sub: Piece) -> Any:
    """The letter of a sample, if the index is one: bound by a sum over samples, or free."""
    text = sub.args[0] if sub.head in ("word", "name") else ""
    bound = m.letters.get(text)
    if bound is not None:
        return bound if bound.sample else None
    return HERE if text in SAMPLES and sub.head == "word" else None


def place(m: Meaning, sub: Piece) -> IndexPlace:
    """What an index says."""
    if sub.head in ("word", "name") and sub.args[0] in m.letters:
        letter = m.letters[sub.args[0]]
        return _counting(m, letter) if letter.sample else letter
    if sub.head == "word" and len(sub.args[0]) == 1 and sub.args[0] not in m.symbols:
        over = re.search(rf"(?:∑|Σ|\bsum|\\sum)_?\{{?\w*{sub.args[0]}", m.source.text[:sub.column])
        reach = (f"; ∑_{sub.args[0]} reaches to the next + or -: put what it sums in parentheses" if over else
                 f"; if it is a place that is given, declare it as a whole number, {sub.args[0]}=: integer")
        m.refuse(sub, f"no sum and no bracket binds the index {sub.args[0]!r}{reach}")
    return m.value(Piece("name", sub.args, sub.column) if sub.head == "word" and sub.args[0] in m.symbols else sub)


def _counting(m: Meaning, letter: OpenSize) -> Worth:
    return Worth((), lambda: m.functions["arange"](size_of(letter, m.source)), (letter,))


def index_value(m: Meaning, sub: Piece) -> Worth:
    """An index as a value of whole numbers."""
    found = place(m, sub)
    if isinstance(found, OpenSize):
        return _counting(m, found)
    return m.lifted(found, sub)


def item(m: Meaning, piece: Piece) -> Any:
    """X[:, 0], u[1:], M[ids]; X.shape[0] is a size."""
    base, places = piece.args
    if base.head == "shape":
        shape = m.whole(base.args[0]).shape
        axis = m.value(places[0])
        if not isinstance(axis, int) or not -len(shape) <= axis < len(shape):
            m.refuse(piece, f".shape has {len(shape)} sizes")
        return settled(shape[axis])
    value = m.whole(base)
    if len(places) > value.ndim:
        m.refuse(piece, f"{len(places)} indices for {value.ndim} axes")
    return picked(m, piece, value, [_range(m, part) if part.head == "range" else place(m, part) for part in places])


def _range(m: Meaning, piece: Piece) -> slice:
    parts = [None if part is None else m.value(part) for part in piece.args]
    if any(not (part is None or isinstance(part, (int, sp.Expr))) for part in parts):
        m.refuse(piece, "the ends of a range are whole numbers or sizes")
    return slice(*parts)


def picked(m: Meaning, piece: Piece, base: Worth, places: Sequence[IndexPlace]) -> Worth:
    """A value at indices of its axes, first axis first."""
    count = len(base.letters)
    fixed = [p if isinstance(p, (int, sp.Expr, slice)) else slice(None) for p in places]
    left = [p for p in (*places, *[slice(None)] * (base.ndim - len(places))) if not isinstance(p, (int, sp.Expr))]
    if any(p != slice(None) for p in fixed):
        tensor = m.run(piece, "[ ]", operator.getitem, base.tensor(), (*[slice(None)] * count, *fixed))
        base = Worth(tensor.shape[count:], lambda: tensor, base.letters, base.samples)
    for size, each in zip(base.shape, left, strict=True):
        if isinstance(each, OpenSize):
            meet(each, size)
    if any(isinstance(each, Worth) for each in left):
        return _gathered(m, piece, base, left)
    return _labelled(m, base, left)


def _labelled(m: Meaning, base: Worth, places: Sequence[IndexPlace]) -> Worth:
    """Axes that letters count go to the front; a letter that occurs twice takes the diagonal."""
    own = [each if isinstance(each, OpenSize) else object() for each in places]
    names = [*base.letters, *own]
    letters = tuple(dict.fromkeys(x for x in names if isinstance(x, OpenSize)))
    if not letters:
        return base
    rest = [x for x in own if not isinstance(x, OpenSize)]
    label = dict(zip(dict.fromkeys(names), LABELS, strict=False))
    text = "".join(label[x] for x in names) + "->" + "".join(label[x] for x in (*letters, *rest))
    shape = tuple(size for size, x in zip(base.shape, own, strict=True) if not isinstance(x, OpenSize))
    return Worth(shape, lambda: m.functions["einsum"](text, base.tensor()), letters, base.samples)


def _gathered(m: Meaning, piece: Piece, base: Worth, places: Sequence[IndexPlace]) -> Worth:
    """Entries at tensors of whole numbers."""
    if base.letters:
        m.refuse(piece, "an index that is a tensor, on what has indices already, is not read")
    chosen = {axis: each if isinstance(each, Worth) else _counting(m, each)
              for axis, each in enumerate(places) if not isinstance(each, slice)}
    rest = [axis for axis in range(len(places)) if axis not in chosen]
    values = list(chosen.values())
    letters, ndim = union(values), max(value.ndim for value in values)
    front = max((value.shape for value in values), key=len)

    def build() -> Any:
        tensor = base.tensor()
        order = [*chosen, *rest]
        tensor = tensor if order == sorted(order) else tensor.transpose(order)
        return m.run(piece, "[ ]", operator.getitem, tensor, tuple(laid(value, letters, ndim) for value in values))

    return Worth((*front, *(base.shape[axis] for axis in rest)), build, letters, samples_of([base, *values]))


def unit(m: Meaning, piece: Piece, index: Worth) -> Worth:
    """e_k: one at k, zero elsewhere."""
    size = OpenSize("e", piece.column)

    def build() -> Any:
        tensor, n = index.tensor(), size_of(size, m.source)
        if tensor.dtype == "integer":
            return m.functions["one_hot"](tensor, n)
        same = m.functions["equal"](tensor[..., None] if tensor.ndim else tensor, m.functions["arange"](n))
        return m.functions["where"](same, 1, 0)

    return Worth((*index.shape, size), build, index.letters, index.samples)


def delta(m: Meaning, piece: Piece, a: Worth, b: Worth) -> Worth:
    """Kronecker's δ."""
    if len(a.letters) == len(b.letters) == 1 and a.letters != b.letters:
        meet(*a.letters, *b.letters)
    same = m.each(piece, "δ", m.functions["equal"], [a, b])
    return m.each(piece, "δ", lambda t: m.functions["where"](t, 1, 0), [same])


def bound(m: Meaning, letters: Sequence[Piece]) -> dict[str, OpenSize]:
    """Letters that are bound from here on."""
    made: dict[str, OpenSize] = {}
    over = [t.over for t in m.symbols.values() if is_tensor(t) and t.over is not None]
    for piece in letters:
        if piece.head not in ("word", "name"):
            m.refuse(piece, "an index is a letter, as in ∑_i")
        text = piece.args[0]
        sample = bool(over) and text in SAMPLES
        made[text] = OpenSize(text, piece.column, over[0] if sample else None, sample)
    return made


def within(m: Meaning, letters: dict[str, OpenSize], piece: Piece) -> Worth:
    """What a piece is worth where letters are bound."""
    outer = m.letters
    m.letters = {**outer, **letters}
    try:
        return m.whole(piece)
    finally:
        m.letters = outer


def total(m: Meaning, piece: Piece) -> Worth:
    """The sum over letters; one that runs over samples closes the sample axis."""
    names, body, low, high = piece.args
    letters = bound(m, names)
    value = within(m, letters, body)
    for letter in letters.values():
        if letter.sample and letter not in value.letters:
            value = over_samples(m, piece, value, letter, "sum")
        elif letter in value.letters:
            value = reduced(m, piece, value, letter, "sum")
            limits(m, piece, letter, low, high)
        else:
            limits(m, piece, letter, low, high)
            value = repeated(m, piece, value, letter)
    return value


def repeated(m: Meaning, piece: Piece, value: Worth, letter: OpenSize) -> Worth:
    """The sum of what is the same for each value of a letter."""
    return m.each(piece, "∑", lambda t: t * m.functions["constant"](size_of(letter, m.source)), [value])


def limits(m: Meaning, piece: Piece, letter: OpenSize, low: Piece | None, high: Piece | None) -> None:
    """A sum runs over a whole axis: from 0 or 1 to its size."""
    first, last = (None if part is None else m.value(part) for part in (low, high))
    if first not in (None, 0, 1):
        m.refuse(piece, "a sum runs over a whole axis, from 1 or from 0")
    if last is not None and is_number(last):
        size = fold("+", last, 1) if first == 0 else last
        meet(letter, size)
        if settled(letter) != size:
            m.refuse(piece, f"the sum runs over {settled(letter)} entries, not {size}")


def over_samples(m: Meaning, piece: Piece, value: Worth, letter: OpenSize, function: str) -> Worth:
    """A reduction over samples; what is the same for all counts as often as there are samples."""
    about = frozenset((letter,)) if letter in value.samples else frozenset((HERE,))
    if not about & value.samples:
        return repeated(m, piece, value, letter) if function == "sum" else value
    return Worth(value.shape, lambda: m.run(piece, function, _closed, m.functions[function], value.tensor()), value.letters,
                 value.samples - about)


def _closed(function: Any, tensor: Any) -> Any:
    return function(tensor, over=tensor.over)


def reduced(m: Meaning, piece: Piece, value: Worth, letter: OpenSize, function: str) -> Worth:
    """A reduction over the axis of a letter."""
    axis = value.letters.index(letter)
    rest = tuple(x for x in value.letters if x is not letter)
    return Worth(value.shape, lambda: m.run(piece, function, m.functions[function], value.tensor(), axis=axis), rest,
                 value.samples)


def entries(m: Meaning, piece: Piece) -> Worth:
    """[..]_ij: the tensor with these entries; [..]_i of matrices with that index: the stack of them."""
    inner, names = piece.args
    letters = bound(m, names)
    if any(letter.sample for letter in letters.values()):
        letters = {text: OpenSize(text, piece.column) for text in letters}
    value = within(m, letters, inner.args[0])
    order = tuple(letters.values())
    if value.ndim and set(value.letters) != set(order) or set(value.letters) - set(order):
        m.refuse(piece, "between [ and ]_ij stands one entry; its other axes need indices")

    def build() -> Any:
        sizes = (*(size_of(letter, m.source) for letter in order), *value.shape)
        return m.functions["broadcast_to"](laid(value, order, value.ndim), sizes)

    return Worth((*order, *value.shape), build, (), value.samples)


RULES = {"at": at, "item": item, "big": total, "entries": entries}
