"""A formula as SymPy's matrix expression, with symbolic sizes: 2*X.T*(X*w - y).

The presentation tree that is printed is matrix algebra already; it is folded with a table of heads, as spelling folds
it. The shape that is wanted is carried down, so that I and 1 have their sizes. What SymPy cannot say raises
`Unsaid` with the head.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import sympy as sp

from symgrad.formulas.notation.own_letters import GLYPHS
from symgrad.formulas.spelling.glyphs import Name, parse_name
from symgrad.formulas.spelling.tree import Tree

Shape = tuple[Any, Any] | None  # None: a scalar, or not known


class Unsaid(Exception):  # noqa: N818 - no error of a user: it says which head SymPy has no words for
    """SymPy has no matrix expression for a part of the formula."""


class Folding:
    """The expressions of names, and of the definitions behind "where", each folded once."""

    def __init__(self, symbols: Mapping[str, Any], definitions: Sequence[tuple[Tree, Tree]]) -> None:
        self.known: dict[Name, Any] = {parse_name(text): each for text, each in symbols.items()}
        self.later = {left.args[0]: right for left, right in definitions}

    def of(self, tree: Tree, shape: Shape = None) -> Any:
        """The expression of a tree, of this shape where that is asked for."""
        if tree.head not in FOLDS:
            raise Unsaid(tree.head)
        return FOLDS[tree.head](self, tree.args, shape)

    def name(self, text: Name) -> Any:
        if text not in self.known:
            if text not in self.later:
                raise Unsaid("name")
            self.known[text] = self.of(self.later[text])
        return self.known[text]


def _is_matrix(each: Any) -> bool:
    return bool(getattr(each, "is_Matrix", False))


def _number(f: Folding, args: Any, shape: Shape) -> Any:
    return sp.Integer(args[0]) if args[0].isdigit() else sp.Float(args[0])


def _name(f: Folding, args: Any, shape: Shape) -> Any:
    if args[1]:
        raise Unsaid("index")
    return f.name(args[0])


def _ones(f: Folding, args: Any, shape: Shape) -> Any:
    if shape is None:
        raise Unsaid("ones")
    return sp.OneMatrix(*shape)


def _eye(f: Folding, args: Any, shape: Shape) -> Any:
    if shape is None:
        raise Unsaid("eye")
    return sp.Identity(shape[0])


def _sum(f: Folding, args: Any, shape: Shape) -> Any:
    found, late = [], []
    for sign, tree in args:
        try:
            found.append(sign * f.of(tree))
        except Unsaid:
            late.append((sign, tree))
    shape = shape or next((each.shape for each in found if _is_matrix(each)), None)
    found += [sign * f.of(tree, shape) for sign, tree in late]
    if not any(map(_is_matrix, found)):
        return sp.Add(*found)
    shape = next(each.shape for each in found if _is_matrix(each))
    return sp.MatAdd(*(each if _is_matrix(each) else each * sp.OneMatrix(*shape) for each in found))


def _product(f: Folding, args: Any, shape: Shape) -> Any:
    front, factors = args
    by = sp.Mul(*(_scalar(f.of(tree)) for tree in front))
    if not factors:
        return by
    found: list[Any] = [None] * len(factors)
    for i, tree in enumerate(factors):
        if not _is_ones(tree):
            found[i] = f.of(tree, shape if len(factors) == 1 else None)
    for i, tree in enumerate(factors):
        if _is_ones(tree):
            row = tree.head == "transpose"
            beside = found[i + 1] if row and i + 1 < len(found) else found[i - 1] if not row and i else None
            length = beside.shape[0 if row else 1] if beside is not None and _is_matrix(beside) else (
                shape[1 if row else 0] if shape is not None else None)
            if length is None:
                raise Unsaid("ones")
            found[i] = sp.OneMatrix(1, length) if row else sp.OneMatrix(length, 1)
    matrices = [each for each in found if _is_matrix(each)]
    scalars = [each for each in found if not _is_matrix(each)]
    if not matrices:
        return sp.Mul(by, *scalars)
    whole = sp.MatMul(*matrices).doit(deep=False) if len(matrices) > 1 else matrices[0]
    by = sp.Mul(by, *scalars)
    if whole.shape == (1, 1) and len(matrices) > 1:  # x' y is a number
        return by * whole[0, 0]
    return by * whole if by != 1 else whole


def _is_ones(tree: Tree) -> bool:
    return tree.head == "ones" or tree.head == "transpose" and tree.args[0].head == "ones"


def _scalar(each: Any) -> Any:
    if _is_matrix(each):
        raise Unsaid("product")
    return each


def _hadamard(f: Folding, args: Any, shape: Shape) -> Any:
    found = [f.of(tree, shape) for tree in args]
    matrices = [each for each in found if _is_matrix(each)]
    by = sp.Mul(*(each for each in found if not _is_matrix(each)))
    if len(matrices) < 2:
        return by * matrices[0] if matrices else by
    return by * sp.HadamardProduct(*matrices)


def _fraction(f: Folding, args: Any, shape: Shape) -> Any:
    above, below = f.of(args[0], shape), f.of(args[1])
    if not _is_matrix(below):
        return above / below
    turned = sp.HadamardPower(below, -1)
    return sp.HadamardProduct(above, turned) if _is_matrix(above) else above * turned


def _transpose(f: Folding, args: Any, shape: Shape) -> Any:
    inner = f.of(args[0], None if shape is None else shape[::-1])
    return sp.Transpose(inner).doit() if _is_matrix(inner) else inner


def _inverse(f: Folding, args: Any, shape: Shape) -> Any:
    inner = f.of(args[0], shape)
    return sp.Inverse(inner) if _is_matrix(inner) else 1 / inner


def _power(f: Folding, args: Any, shape: Shape) -> Any:
    base, exponent, entrywise = args
    inner, by = f.of(base, shape), f.of(exponent)
    if not _is_matrix(inner):
        return inner**by
    return sp.HadamardPower(inner, by) if entrywise else sp.MatPow(inner, by)


def _norm(f: Folding, args: Any, shape: Shape) -> Any:
    if args[1] not in ("", "F"):
        raise Unsaid("norm")
    inner = f.of(args[0])
    return sp.sqrt(sp.Trace(inner.T * inner)) if _is_matrix(inner) else sp.Abs(inner)


def _entrywise(function: Callable[[Any], Any]) -> Callable[..., Any]:
    def form(f: Folding, inner: Any) -> Any:
        u = sp.Dummy("u", real=True)
        return inner.applyfunc(sp.Lambda(u, function(u))) if _is_matrix(inner) else function(inner)

    return form


def _over(function: str, f: Folding, inner: Any) -> Any:
    """A sum or mean of all entries."""
    if not _is_matrix(inner):
        return inner
    rows, columns = inner.shape
    whole = sp.Trace(sp.OneMatrix(columns, rows) * inner)
    return whole / (rows * columns) if function == "mean" else whole


def _softmax(f: Folding, inner: Any) -> Any:
    if not _is_matrix(inner) or inner.shape[1] != 1:
        raise Unsaid("softmax")
    scores = inner.applyfunc(sp.exp)
    return scores / _over("sum", f, scores)


def _matrix(build: Callable[[Any], Any]) -> Callable[..., Any]:
    def form(f: Folding, inner: Any) -> Any:
        if not _is_matrix(inner):
            raise Unsaid("matrix")
        return build(inner)

    return form


CALLS: Mapping[str, Callable[..., Any]] = MappingProxyType({
    **{each: _entrywise(getattr(sp, each)) for each in "exp log sin cos tan sinh cosh tanh sign erf".split()},
    "arctan": _entrywise(sp.atan),
    **dict.fromkeys(("sigmoid", GLYPHS["sigmoid"]), _entrywise(lambda u: 1 / (1 + sp.exp(-u)))),
    "softplus": _entrywise(lambda u: sp.log(1 + sp.exp(u))), "relu": _entrywise(lambda u: sp.Max(u, 0)),
    "tr": _matrix(sp.Trace), "det": _matrix(sp.Determinant), "logdet": _matrix(lambda a: sp.log(sp.Abs(sp.Determinant(a)))),
    "diag": _matrix(sp.DiagMatrix), "softmax": _softmax, "sum": lambda f, inner: _over("sum", f, inner),
    "mean": lambda f, inner: _over("mean", f, inner),
    "logsumexp": lambda f, inner: sp.log(_over("sum", f, inner.applyfunc(sp.exp))),
})


def _call(f: Folding, args: Any, shape: Shape) -> Any:
    function, given, subs = args
    if function not in CALLS or len(given) != 1 or subs:
        raise Unsaid(function)
    return CALLS[function](f, f.of(given[0]))


FOLDS: Mapping[str, Callable[[Folding, Any, Shape], Any]] = MappingProxyType({
    "num": _number, "name": _name, "ones": _ones, "eye": _eye, "sum": lambda f, args, shape: _sum(f, args, shape),
    "product": _product, "hadamard": _hadamard, "fraction": _fraction, "transpose": _transpose, "inverse": _inverse,
    "power": _power, "norm": _norm, "call": _call,
    "bars": lambda f, args, shape: _entrywise(sp.Abs)(f, f.of(args[0])),
    "root": lambda f, args, shape: _entrywise(sp.sqrt)(f, f.of(args[0])),
    "kron": lambda f, args, shape: sp.KroneckerProduct(*(f.of(tree) for tree in args)),
})
