"""The two sides of `sg.verify` as tensors: texts are read with the symbols of the other side."""

from __future__ import annotations

import ast
import keyword
import re
from collections.abc import Iterator, Mapping
from typing import Any

from symgrad.formulas.names import display_names, symbol_names
from symgrad.formulas.spelling.glyphs import parse_name, unicode_name
from symgrad.formulas.spelling.letters import latex_name
from symgrad.graphs import ops
from symgrad.graphs.algebra.einsum import contract
from symgrad.graphs.errors import ParseError, ShapeError, SymgradError
from symgrad.graphs.node import Node, topological
from symgrad.graphs.samples import sample_axes, sample_size
from symgrad.language.align import as_tensor, describe
from symgrad.language.naming import layer_names
from symgrad.language.rearrange import broadcast_to
from symgrad.language.replaying import shown
from symgrad.language.tensor import Tensor, wrap
from symgrad.reading.grammar import OneLine
from symgrad.reading.parser import readings
from symgrad.reading.tex import is_tex
from symgrad.reading.vocabulary import parse_shapes

TURNED = r"ᵀ|\^\{\\top\}|\^\\top|\^T|\.T|'|⊤"  # ways to write a transpose
REPAIRS = 40  # changes of a text that are tried


def vocabulary(t: Tensor) -> dict[str, Tensor]:
    """The names that a formula about `t` may use: its symbols, those of what it was derived from, and names it shows.

    A name that Python's grammar does not read goes without its marks too: W^1 is W1, x^{10} is x10.
    """
    found = {name: _symbol(node) for node, name in display_names([t.node], layer_names([t])).items()}
    stack, seen = [t], {id(t)}
    roots: list[Node] = []
    while stack:
        each = stack.pop()
        roots.append(each.node)
        for operand in each.recipe.operands if each.recipe else ():
            if id(operand) not in seen:
                seen.add(id(operand))
                stack.append(operand)
    for node in topological(roots):
        if node.op is ops.INPUT and node.attrs[0].owner is None:
            found.setdefault(node.attrs[0].name, _symbol(node))
        elif node.op is ops.NAMED:
            over = sample_size([node]) if sample_axes([node]).get(node) == 0 else None
            found.setdefault(node.attrs[0], wrap(node, over))
    printed = shown(t).node
    axes = sample_axes([printed])
    for node, name in symbol_names(topological([printed])).items():  # two tensors that are called b are b and b_1
        if node.op is ops.CONSTANT or node.op is ops.NAMED:
            found.setdefault(name, wrap(node, sample_size([node]) if axes.get(node) == 0 else None))
    for name, tensor in list(found.items()):
        bare = re.sub(r"[\^{}\\]", "", name)
        if _readable(bare):
            found.setdefault(bare, tensor)
    return found


def _readable(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("__")


def _symbol(node: Node) -> Tensor:
    return wrap(node, node.attrs[0].over)


def joined(known: Mapping[str, Tensor], shapes: Mapping[str, Any]) -> dict[str, Any]:
    """Names from a formula and names from given shapes; raises SymgradError where they disagree."""
    declared = parse_shapes({**{n: t for n, t in known.items() if n not in shapes and _readable(n)}, **shapes})
    for name, symbol in known.items():
        other = declared.get(name, symbol)
        if (other.shape, other.over) != (symbol.shape, symbol.over):
            raise SymgradError(f"verify: {describe(symbol)} is a symbol of the other formula; as an argument "
                               f"{name} has the shape of {describe(other)}")
    return {**declared, **known}


def read(text: str, names: Mapping[str, Any], like: Tensor | None = None) -> Tensor:
    """A text as a tensor; `like` is what it may be equal to, which says how long 1 is in 1 xᵀ."""
    return as_tensor(next(readings(text, names, wanted=None if like is None else like.shape)), "verify")


def otherwise(text: str, names: Mapping[str, Any], like: Tensor) -> Iterator[Tensor]:
    """What else a text may mean: max(u, 0) entry by entry; one number at each entry, and for each sample."""
    try:
        found = [as_tensor(each, "verify") for each in readings(text, names, wanted=like.shape)]
    except SymgradError:
        return
    yield from found[1:]
    for tensor in found:
        if tensor.over is None and like.over is not None:
            labels = list(range(len(tensor.shape)))
            tensor = wrap(contract([tensor.node], [labels], [-1, *labels], {-1: like.over}), like.over)
        if tensor.over != like.over:
            continue
        if tensor.shape == like.shape:
            yield tensor
        elif not tensor.shape:
            yield broadcast_to(tensor, like.shape)


def repairs(text: str, names: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """Texts with one matrix transposed, or @ for *, that can be built: what to change, and the tensor.

    For a claim whose shapes do not fit; each comes with what must be done.
    """
    source = OneLine(text)
    try:
        nodes = list(ast.walk(source.tree()))
    except ParseError:
        yield from _turned(text, names)
        return
    inner = {id(n.value) for n in nodes if isinstance(n, ast.Attribute)}
    changes: list[tuple[str, str]] = []
    for node in nodes:
        if isinstance(node, ast.Attribute) and node.attr == "T":
            cut = text[source.start(node):source.end(node.value)]
            changes.append((f"{cut} must stand without .T", _put(text, source, node, cut)))
        elif isinstance(node, ast.Name) and node.id in names and id(node) not in inner and names[node.id].ndim == 2:
            changes.append((f"{node.id} must be transposed", _put(text, source, node, f"{node.id}.T")))
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            at = source.behind(node.left)
            changes.append(("* must be @", text[:at] + text[at:].replace("*", "@", 1)))
    for what, changed in changes[:REPAIRS]:
        try:
            yield what, read(changed, names)
        except (ShapeError, ParseError):
            continue


def _turned(text: str, names: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """The same for a formula as mathematicians write it: each matrix turned in its place."""
    mark = r"^{\top}" if is_tex(text) else "ᵀ"
    changes = [("* must be @", text.replace("*", " "))] if "*" in text.replace("**", "") and not is_tex(text) else []
    for name, tensor in names.items():
        if getattr(tensor, "ndim", 0) != 2:
            continue
        spelled = {name, latex_name(parse_name(name)) if is_tex(text) else unicode_name(parse_name(name))}
        written = re.compile(rf"(?<!\w)({'|'.join(map(re.escape, spelled))})({TURNED})?(?![\w₀-₉])")
        places = list(written.finditer(text))
        if len(places) > 1:
            changes.append((f"{unicode_name(parse_name(name))} and its transpose must be exchanged",
                            written.sub(lambda found: found[1] + mark * (not found[2]), text)))
        for found in places:
            what = f"{found[0]} must stand without its transpose" if found[2] else f"{found[1]} must be transposed"
            changes.append((what, text[:found.start()] + found[1] + mark * (not found[2]) + text[found.end():]))
    for what, changed in changes:
        try:
            yield what, read(changed, names)
        except (ShapeError, ParseError):
            continue


def _put(text: str, source: OneLine, node: ast.AST, new: str) -> str:
    return text[:source.start(node)] + new + text[source.end(node):]
