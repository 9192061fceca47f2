"""The structure of a matrix, read from its normal form: blocks, Kronecker products, Gram matrices, low rank.

A matrix has row axes and column axes, and batch axes in front (the samples, when there is one matrix per
sample). It is expanded into flat products (`algebra/flattening.py`), and their labels are read:

- a label on a row axis and on the same column axis is an axis of blocks; on all of them, a diagonal;
- pairs of axes that no operand connects are the factors of a Kronecker product; if only summed labels connect
  them it is a sum of such products over these labels (Khatri and Rao), `∑_t A_t ⊗ B_t`;
- the same operands beside the rows and beside the columns are a Gram matrix `X' diag(s) X`, and what lies on the
  summed labels between them is s;
- nothing in common between rows and columns but few summed entries is low rank.

A sum is read term by term, after what its terms share is taken out. Products are distributed over a sum only
where that shows a structure which is hidden otherwise.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from math import prod

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract, scale, zeros
from symgrad.graphs.algebra.flattening import Labels, Term, expand, is_mixed, is_sum, restricted, split
from symgrad.graphs.algebra.flattening import product as product_of
from symgrad.graphs.algebra.primitives import add, concat
from symgrad.graphs.node import Node
from symgrad.graphs.sizes import Shape
from symgrad.graphs.structure.form import BLOCKS, DENSE, DIAGONAL, GRAM, KRONECKER, LOW_RANK, SUM, MatrixForm, Pair
from symgrad.graphs.structure.grouping import Group, as_columns, axes_of, groups_of, is_delta, pairs_of, sides
from symgrad.graphs.weights import ONE, plus


def structure_of(node: Node, batch: int, rows: int) -> MatrixForm:
    """The structure of `node`, whose axes are `batch` axes, `rows` row axes and column axes."""
    return classify(expand(node), node.shape, batch, rows, source=node)


def classify(terms: Sequence[Term], shape: Shape, batch: int, rows: int, deepest: int = 4,
             source: Node | None = None) -> MatrixForm:
    """The structure of a sum of terms, which is `source` if that is given."""
    terms = _merged([part for term in terms for part in _opened(term)])
    plain = MatrixForm(DENSE, tuple(terms), shape, batch, rows, source=source)
    if any(_entangled(term, plain) for term in terms):
        return plain
    pairs = pairs_of(terms, plain)
    aligned = plain.square and all(len(r) == 1 for r, _ in pairs)
    if not terms and not plain.square:
        return plain
    if aligned and all(is_delta(term, pair) for term in terms for pair in pairs):
        return _diagonal(plain)
    return (_identities(plain, pairs, deepest) or (_kronecker(plain, pairs, deepest) if len(terms) == 1 else None)
            or _blocks(plain, pairs, deepest) or _loose(plain, pairs, deepest) or _gram(plain)
            or _several(plain, deepest) or _distributed(plain, deepest) or plain)


def _opened(term: Term) -> list[Term]:
    """A sum that is the only factor of a term, by its terms."""
    if len(term.factors) != 1 or not is_sum(term.factors[0][0]):
        return [term]
    return [scaled for by, node in split(term, 0) for scaled in expand(scale(node, by))]


def _merged(terms: Sequence[Term]) -> list[Term]:
    """Like terms added up."""
    if len(terms) < 2:
        return list(terms)
    found: dict[Node, list[Term]] = {}
    for term in terms:
        like = found.setdefault(restricted(term, term.factors, term.out).node(), [])
        for i, other in enumerate(like):
            by = plus(other.by, term.by)
            if by is not None:
                like[i] = restricted(other, other.factors, other.out, by)
                break
        else:
            like.append(term)
    return [term for like in found.values() for term in like if term.by.number]


def _entangled(term: Term, form: MatrixForm) -> bool:
    """Does a row or a column run along a batch axis?"""
    return not set(term.out[:form.batch]).isdisjoint(term.out[form.batch:])


def _part(form: MatrixForm, terms: Sequence[Term], lead: Sequence[int], pair: Pair, deepest: int) -> MatrixForm:
    """The matrix of some axes of `form`, those in `lead` in front of it; terms are cut to them."""
    axes = (*range(form.batch), *lead, *pair[0], *pair[1])
    cut = [restricted(term, term.factors, [term.out[a] for a in axes], term.by) for term in terms]
    shape = tuple(form.shape[a] for a in axes)
    return classify(cut, shape, form.batch + len(lead), len(pair[0]), deepest, _cut(form, lead, axes))


def _cut(form: MatrixForm, lead: Sequence[int], axes: Sequence[int]) -> Node | None:
    """The given matrix on the diagonal of the axes `lead`, if they are a delta in front of it."""
    node = form.source
    if node is None or not form.square or len(axes) + len(lead) != len(form.shape):
        return None
    labels = [a - form.rows if a - form.rows in lead else a for a in range(len(form.shape))]
    node = contract([node], [labels], axes)
    inside = node.operands[0] if node.op is ops.ADD and len(node.operands) == 1 else node
    return None if inside.op is ops.VIEW and len(set(inside.attrs[0][0] if inside.operands else ())) < len(
        inside.operands[0].shape if inside.operands else ()) else node


# kinds ------------------------------------------------------------------------------------------------


def _diagonal(form: MatrixForm) -> MatrixForm:
    front = form.shape[:form.batch + form.rows]
    parts = [scale(product_of(t.factors, t.out[:form.batch + form.rows], t.sizes), t.by) for t in form.terms]
    return _of(form, DIAGONAL, nodes=(add(parts) if parts else zeros(front),))


def _of(form: MatrixForm, kind: str, parts: Sequence[MatrixForm] = (), pairs: Sequence[Pair] = (), shared: int = 0,
        nodes: tuple[Node, ...] = ()) -> MatrixForm:
    return MatrixForm(kind, form.terms, form.shape, form.batch, form.rows, tuple(parts), tuple(pairs), shared, nodes,
                      form.source)


def _identities(form: MatrixForm, pairs: Sequence[Pair], deepest: int) -> MatrixForm | None:
    """Deltas that no operand touches, in all terms: A ⊗ I."""
    alone = [pair for pair in pairs if all(is_delta(t, pair) and _untouched(t, pair[0][0]) for t in form.terms)]
    rest = [pair for pair in pairs if pair not in alone]
    if not alone or not rest:
        return None
    inner = _part(form, form.terms, (), axes_of(rest), deepest)
    eyes = [_eye(form, pair) for pair in alone]
    return _factors(form, [(inner, axes_of(rest)), *zip(eyes, alone, strict=True)], 0)


def _untouched(term: Term, axis: int) -> bool:
    return term.out[axis] not in term.held and term.out.count(term.out[axis]) == 2


def _eye(form: MatrixForm, pair: Pair) -> MatrixForm:
    front = tuple(form.shape[:form.batch])
    size = form.shape[pair[0][0]]
    labels = (*range(form.batch), form.batch, form.batch)
    sizes = dict(enumerate((*front, size)))
    return _diagonal(MatrixForm(DENSE, (Term(ONE, (), labels, sizes),), (*front, size, size), form.batch, 1))


def _factors(form: MatrixForm, parts: Sequence[tuple[MatrixForm, Pair]], shared: int) -> MatrixForm:
    """A Kronecker product in the order of its axes; one inside it is taken apart."""
    flat: list[tuple[MatrixForm, Pair]] = []
    for part, pair in parts:
        if part.kind == KRONECKER and not part.shared and not shared:
            place = dict(zip((*part.row_axes, *part.column_axes), (*pair[0], *pair[1]), strict=True))
            flat += [(inner, (tuple(place[a] for a in r), tuple(place[a] for a in c)))
                     for inner, (r, c) in zip(part.parts, part.pairs, strict=True)]
        else:
            flat.append((part, pair))
    flat.sort(key=lambda item: (item[1][0] or (form.batch,), item[1][1]))
    return _of(form, KRONECKER, [part for part, _ in flat], [pair for _, pair in flat], shared)


def _kronecker(form: MatrixForm, pairs: Sequence[Pair], deepest: int) -> MatrixForm | None:
    """One term whose operands fall apart: A ⊗ B."""
    (term,) = form.terms
    groups = groups_of(term, form, pairs, loose=False)
    return _grouped(form, term, groups, (), deepest) if len(groups) > 1 else None


def _loose(form: MatrixForm, pairs: Sequence[Pair], deepest: int) -> MatrixForm | None:
    """One term whose operands are connected by summed labels only: ∑_t A_t ⊗ B_t."""
    if len(form.terms) != 1:
        return None
    (term,) = form.terms
    groups = groups_of(term, form, pairs, loose=True)
    if len(groups) < 2:
        return None
    summed = term.held.difference(term.out)
    shared = tuple(sorted(x for x in summed if sum(any(x in labels for _, labels in fs) for fs, _ in groups) > 1))
    return _grouped(form, term, groups, shared, deepest)


def _grouped(form: MatrixForm, term: Term, groups: Sequence[Group], shared: Labels, deepest: int) -> MatrixForm:
    batch = term.out[:form.batch]
    weighted = next((i for i, (factors, _) in enumerate(groups) if factors), 0)
    parts: list[tuple[MatrixForm, Pair]] = []
    for i, (factors, pairs) in enumerate(groups):
        axes = axes_of(pairs)
        out = (*batch, *shared, *(term.out[a] for a in (*axes[0], *axes[1])))
        cut = restricted(term, factors, out, term.by if i == weighted else ONE)
        shape = tuple(term.sizes[x] for x in out)
        parts.append((classify([cut], shape, form.batch + len(shared), len(axes[0]), deepest), axes))
    return _factors(form, parts, len(shared))


def _blocks(form: MatrixForm, pairs: Sequence[Pair], deepest: int) -> MatrixForm | None:
    """Deltas that all terms have: blocks along these axes."""
    alone = [pair for pair in pairs if form.terms and all(is_delta(t, pair) for t in form.terms)]
    rest = axes_of(pair for pair in pairs if pair not in alone)
    if not alone or not (rest[0] or rest[1]):
        return None
    axes = axes_of(alone)
    return _of(form, BLOCKS, [_part(form, form.terms, axes[0], rest, deepest)], [axes, rest])


def _gram(form: MatrixForm) -> MatrixForm | None:
    """Terms with one X beside the rows and beside the columns: X' diag(s) X."""
    if not form.square or not form.terms:
        return None
    found = [sides(term, form) for term in form.terms]
    first = found[0]
    if first is None or any(s is None or s.left is not s.right or s.left is not first.left for s in found):
        return None
    middle = add([s.middle for s in found if s is not None])
    return _of(form, GRAM, nodes=(first.left, middle), shared=first.shared)


def _several(form: MatrixForm, deepest: int) -> MatrixForm | None:
    """Several terms, grouped by their block axes and, without those, by their X."""
    if len(form.terms) < 2:
        return None
    whole = [((r,), (c,)) for r, c in zip(form.row_axes, form.column_axes, strict=False)] if form.square else []
    groups: dict[Hashable, list[Term]] = {}
    for i, term in enumerate(form.terms):
        key: Hashable = tuple(pair for pair in whole if is_delta(term, pair))
        if not key:
            found = sides(term, form) if form.square else None
            key = ("gram", found.left) if found is not None and found.left is found.right else i
        groups.setdefault(key, []).append(term)
    if len(groups) == 1:
        return None
    parts = [classify(terms, form.shape, form.batch, form.rows, deepest) for terms in groups.values()]
    if not deepest or all(part.kind == DENSE for part in parts):
        return None
    flat = [inner for part in parts for inner in (part.parts if part.kind == SUM else [part])]
    if len(flat) > len(parts):  # terms of different parts may be alike
        terms = [term for part in flat for term in part.terms]
        return classify(terms, form.shape, form.batch, form.rows, deepest - 1, form.source)
    return _low_rank(form, flat) or _of(form, SUM, flat)


def _distributed(form: MatrixForm, deepest: int) -> MatrixForm | None:
    """A product that hides its structure, distributed over a sum among its factors: that on rows and columns, if any.

    None where a part of the result has no structure either, unless the sum has a delta, which is better gone.
    """
    if not deepest:
        return None
    terms: list[Term] = []
    mixed = False
    for term in form.terms:
        place = _hiding(term, form)
        mixed = mixed or (place is not None and is_mixed(term.factors[place][0]))
        parts = [] if place is None else split(term, place)
        terms += [t for by, node in parts for t in expand(scale(node, by))] if parts else [term]
    if len(terms) == len(form.terms):
        return None
    found = classify(terms, form.shape, form.batch, form.rows, deepest - 1)
    return found if found.kind != DENSE and (mixed or all(part.kind != DENSE for part in found.parts)) else None


def _hiding(term: Term, form: MatrixForm) -> int | None:
    """The place of the sum that has most of the row and column axes, and more than one axis beside the batch."""
    sides_of = [{term.out[a] for a in axes} for axes in (form.row_axes, form.column_axes)]
    batch = set(term.out[:form.batch])
    scores = [(sum(not side.isdisjoint(labels) for side in sides_of), -i) for i, (node, labels) in
              enumerate(term.factors) if is_sum(node) and len(set(labels) - batch) > 1]
    return -max(scores)[1] if scores else None


# low rank ---------------------------------------------------------------------------------------------


def _low_rank(form: MatrixForm, parts: Sequence[MatrixForm]) -> MatrixForm | None:
    """A diagonal and terms of a rank that is known to be lower than the order of the matrix."""
    diagonal = [part for part in parts if part.kind == DIAGONAL]
    rest = [part for part in parts if part.kind != DIAGONAL]
    if len(diagonal) != 1 or not rest:
        return None
    found = [sides(term, form) for part in rest for term in part.terms]
    if any(s is None for s in found):
        return None
    cut = [s for s in found if s is not None]
    ranks = [prod(s.left.shape[form.batch:form.batch + s.shared]) for s in cut]
    order = prod(form.shape[a] for a in form.row_axes)
    if not all(isinstance(rank, int) for rank in ranks):
        return None
    if sum(ranks) > 1 and not (isinstance(order, int) and sum(ranks) < order):
        return None
    left = [as_columns(s.left, s.middle, form.batch, s.shared, rank) for s, rank in zip(cut, ranks, strict=True)]
    right = [as_columns(s.right, None, form.batch, s.shared, rank) for s, rank in zip(cut, ranks, strict=True)]
    axis = form.batch + form.rows
    nodes = (concat(left, axis, sum(ranks)), concat(right, axis, sum(ranks)))
    return _of(form, LOW_RANK, [*diagonal, *rest], nodes=nodes)
