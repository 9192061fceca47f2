"""Which intermediates of a large formula get a name: affine layers a^i, activations x^i, others v_i.

Factors of matrices that occur more than once have the letters of the literature: λ and V, U, σ and V, Q and R.

Printing must not expand what a graph shares, nor recurse as deep as a graph is. So before a formula is
written, this pass (linear in the graph) names what is used more than once or has grown too long; each
definition then is a small formula over the names before it.
"""

from __future__ import annotations

from collections.abc import Mapping

from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import literal_value
from symgrad.graphs.node import REAL, Node, consumers, topological
from symgrad.graphs.pieces.boxes import raised
from symgrad.graphs.textbook.bases import is_square

SHORT = 24  # a formula of so many pieces is written as it is, even where it repeats itself
WORTH = 4  # pieces of a repeated expression from which on it deserves a name
LONG = 40  # pieces of an expression that is named in any case
WHOLE = 100  # the same with repetitions


def abbreviations(root: Node, names: Mapping[Node, str], most: int = SHORT, long: int = LONG) -> dict[Node, str]:
    """Names for intermediates of `root`, operands first; `names` are those of inputs and named tensors.

    Afterwards every formula, written until it meets a name, has a bounded number of pieces: `long`, about.
    """
    order = topological([root], enter=lambda node: node is root or node not in names)
    taken = set(names.values())
    factors = _factors(root, order, names, taken)
    pieces: dict[Node, int] = {}  # of what is repeated in one operation, once
    whole: dict[Node, int] = {}  # each time: x^x has x twice
    for node in order:
        for count, repeated in ((pieces, False), (whole, True)):
            known = node in names and node is not root or node in factors
            count[node] = 1 if known else _pieces(node, count, repeated)
    if pieces[root] <= most and whole[root] <= WHOLE:
        return factors
    uses = consumers([root])
    kinds = _kinds(order, uses)
    data = [text for node, text in names.items() if node.op is ops.INPUT and node.attrs[0].kind == "data"]
    counts, high = {"a": 0, "x": 0, "v": 0}, raised(taken, data)
    found: dict[Node, str] = {}
    core = root.operands[0] if root.op is ops.ADD and len(root.operands) == 1 else root  # -v_1 says nothing
    for node in order:
        if node is root or node is core or node in names:
            continue
        if node in factors:
            found.update((each, letter) for each, letter in factors.items() if each.operands == node.operands)
            continue
        pieces[node], whole[node] = _pieces(node, pieces, False), _pieces(node, whole, True)
        kind, layer = kinds.get(node, ("v", 0))
        kind = "v" if kind in high else kind
        shared = node.dtype == REAL and len(_users(node, uses)) > 1 and pieces[node] >= WORTH
        if _solid(node) and (shared or pieces[node] > long or whole[node] > WHOLE):
            found[node] = _fresh(kind, layer, counts, taken)
            pieces[node] = whole[node] = 1
    return found


def _pieces(node: Node, pieces: Mapping[Node, int], repeated: bool) -> int:
    """The pieces of the formula of a node, with those of an operand that occurs twice counted twice if `repeated`."""
    if literal_value(node) is not None or node.op is ops.SCAN:  # that has a name, whatever it is made of
        return 1
    operands = node.operands if repeated else dict.fromkeys(node.operands)
    return min(1 + sum(pieces[o] for o in operands), 1_000_000)


def _factors(root: Node, order: list[Node], names: Mapping[Node, str], taken: set[str]) -> dict[Node, str]:
    """The letters of eigenvalues and their like, where those of one matrix occur more than once; they are `taken` then."""
    met: dict[Node, list[Node]] = {}
    for node in order:
        for operand in node.operands:
            if operand.op in ops.SPECTRA and operand not in names and operand is not root:
                met.setdefault(operand.operands[0], []).append(operand)
    letters: dict[tuple[Node, str], str] = {}
    for matrix, factors in met.items():
        wanted = set(map(_letter, factors))
        if len(factors) < 2 or root.op in ops.SPECTRA or wanted & taken:
            continue  # said once, or the letters mean something else
        letters.update({(matrix, letter): letter for letter in wanted})
        taken |= wanted
    found = {node: letter for node in order if node is not root and node.op in ops.SPECTRA and node not in names
             and (letter := letters.get((node.operands[0], _letter(node)))) is not None}
    return dict(sorted(found.items(), key=lambda item: "QRλUσV".index(item[1])))


def _letter(node: Node) -> str:
    if node.op is ops.SVD or node.op is ops.QR:
        return str(node.attrs[0]).upper()
    return {ops.EIGVALS: "λ", ops.EIGVECS: "V"}.get(node.op, "σ")


def _users(node: Node, uses: Mapping[Node, list[Node]]) -> list[Node]:
    """The nodes that use a node, also through views and weights."""
    found: dict[Node, None] = {}
    stack = list(uses.get(node, ()))
    while stack and len(found) < 2:
        user = stack.pop()
        if user.op is ops.VIEW or (user.op is ops.ADD and len(user.operands) == 1):
            stack.extend(uses[user])
            if not uses[user]:
                found[user] = None
        else:
            found[user] = None
    return list(found)


def _solid(node: Node) -> bool:
    """Can it have a name: no number, no rearrangement or windows, no ‖u‖², whose powers are those of ‖u‖.

    (Truth values and whole numbers get one only where long.)
    """
    if is_square(node) or literal_value(node) is not None or node.op in (
            ops.VIEW, ops.IOTA, ops.NAMED, ops.WINDOWS, ops.SCAN):
        return False
    return not (node.op is ops.ADD and len(node.operands) == 1)


def _kinds(order: list[Node], uses: Mapping[Node, list[Node]]) -> dict[Node, tuple[str, int]]:
    """Affine layers and their activations, with the number of the layer."""
    found: dict[Node, tuple[str, int]] = {}
    layers = 0
    for node in order:
        if _affine(node, uses):
            layers += 1
            found[node] = "a", layers
        elif node.op in ops.FUNCTIONS and node.dtype == REAL and node.shape:
            solid = [o for o in node.operands if literal_value(o) is None]
            below = found.get(solid[0]) if len(solid) == 1 else None
            if below is not None and below[0] == "a":
                found[node] = "x", below[1]
    return found


def _affine(node: Node, uses: Mapping[Node, list[Node]]) -> bool:
    """W x + b, or W x under a nonlinear function."""
    if node.op is ops.ADD and len(node.operands) == 2:
        return any(map(_linear, node.operands)) and any(map(_bias, node.operands))
    return _linear(node) and any(user.op in ops.FUNCTIONS for user in uses[node])


def _linear(node: Node) -> bool:
    if node.op is not ops.EINSUM or len(node.operands) != 2 or not node.shape:
        return False
    summed = {x for labels in node.attrs[0] for x in labels} - set(node.attrs[1])
    return bool(summed) and any(_parameter(o) for o in node.operands)


def _bias(node: Node) -> bool:
    return _parameter(node.operands[0] if node.op is ops.VIEW and node.operands else node)


def _parameter(node: Node) -> bool:
    return node.op is ops.INPUT and node.attrs[0].kind == "parameter"


def _fresh(kind: str, layer: int, counts: dict[str, int], taken: set[str]) -> str:
    wanted = f"{kind}^{layer}" if kind != "v" else None
    while wanted is None or wanted in taken:
        if kind != "v":
            kind = "v"
        counts[kind] += 1
        wanted = f"v_{counts[kind]}"
    taken.add(wanted)
    return wanted
