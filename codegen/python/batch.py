"""The batch of a training step as text: its arrays by name, its sizes, and what refuses one that does not fit."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import sympy as sp

from symgrad.codegen.plan.binding import bind_sizes, index_inputs
from symgrad.codegen.python.identifiers import Identifiers
from symgrad.codegen.python.job import Stepping
from symgrad.codegen.python.setting import closure
from symgrad.codegen.python.texts import size_text
from symgrad.codegen.python.wrapping import wrap_line
from symgrad.codegen.quoting import literal
from symgrad.graphs.node import INTEGER, REAL
from symgrad.graphs.phases import too_few
from symgrad.graphs.sizes import Size, free_symbols

INSIDE = " " * 8  # of the `try` of a step
WORDS = """state batch lr t np cp work block failed loss rooms error piece taken refused masks
NUMBERS INTEGERS BOOLEANS carried""".split()
REFUSED = """\
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise refused(state, batch, error) from None"""
SUMMED = """\
    if state.ranks is not None:
        state.ranks.add(state)"""


def kind_name(dtype: str) -> str:
    """A kind of numbers by its name in a program."""
    return {REAL: "NUMBERS", INTEGER: "INTEGERS"}.get(dtype, "BOOLEANS")


@dataclass(frozen=True)
class TakenBatch:
    """The arrays and the sizes of a batch by name, and the lines that take them and compare."""

    arrays: tuple[str, ...]
    sizes: Mapping[sp.Symbol, str]
    lines: tuple[str, ...]


def batch_of(step: Stepping, taken: Collection[str], read: Callable[[int, str], str], labels: bool,
             sizes: Sequence[sp.Symbol] = ()) -> TakenBatch:
    """The lines of a batch; `read` is the text that takes array k, of a dtype.

    Shapes are compared before anything is computed, and with `labels` the values of those; other indices are looked at
    where they are used. `sizes` are needed in any case.
    """
    job, nodes = step.gradients, [node for _, node in step.data]
    scope = Identifiers({*WORDS, *job.module.taken, *taken})
    names = [scope.fresh(name) for name, _ in step.data]
    lines = [f"{INSIDE}{name} = {read(k, node.dtype)}" for k, (name, node) in enumerate(zip(names, nodes, strict=True))]
    places = {name: f"state.read[{k}]" for k, name in enumerate(step.parameters)}
    places |= {name: own for (name, _), own in zip(step.data, names, strict=True)}
    given = job.inputs[: len(job.inputs) - len(step.masks)]
    known = bind_sizes([(name, node.shape) for name, node in given], job.sizes)
    drawn = free_symbols([size for _, node in step.masks for size in node.shape])
    counted = free_symbols(step.counts)
    classes = [node.attrs[0].classes for node in nodes if node.attrs[0].classes is not None]
    shown = free_symbols([*(size for node in nodes for size in node.shape), *classes])
    wanted = closure(dict.fromkeys([*shown, *drawn, *counted, *sizes]), known)
    texts: dict[sp.Symbol, str] = {}
    for symbol, bound in known.items():
        if symbol in wanted:
            texts[symbol] = scope.fresh(symbol.name)
            where = f"{places[bound.argument]}.shape[{bound.axis}]" if bound.argument else ""
            lines.append(f"{INSIDE}{texts[symbol]} = {size_text(bound.value, {**texts, bound.unknown: where}).text}")

    def told(size: Size) -> bool:
        return all(symbol in texts for symbol in free_symbols([size]))

    indexed = set(index_inputs([job.roots[0]]))  # there, one that is too large is noticed
    wrong = [f"len(batch) != {len(nodes)}"]
    wrong += [f"not {texts[s]}" for s in dict.fromkeys(n.attrs[0].over for n in nodes) if s in texts]
    for name, node in zip(names, nodes, strict=True):
        inner = ", ".join(size_text(size, texts).text if told(size) else f"{name}.shape[{axis}]"
                          for axis, size in enumerate(node.shape))
        wrong.append(f"{name}.shape != ({inner}{',' if len(node.shape) == 1 else ''})")
        count = node.attrs[0].classes
        if labels and count is not None:  # all at once: one sign bit stays
            axes = "" if len(node.shape) == 1 else ", axis=None"
            wrong.append(f"np.bitwise_or.reduce({name}{axes}) < 0")
            if (node, count) not in indexed and told(count):
                wrong.append(f"np.maximum.reduce({name}{axes}) >= {size_text(count, texts).text}")
    lines += _condition(wrong)
    for count, name in step.counts.items():
        first, mark, second = too_few(name).partition("; ")
        lines += [f"{INSIDE}if {size_text(count, texts).text} < 2:", f"{INSIDE}    raise ValueError(",
                  f"{INSIDE}        {literal(first + mark)}", f"{INSIDE}        {literal(second)}", f"{INSIDE}    )"]
    if step.masks:
        masks = [scope.fresh(name) for name, _ in step.masks]
        call = ", ".join(["state", "t", *(texts[symbol] for symbol in drawn if symbol in texts)])
        lines += wrap_line(f"[{', '.join(masks)}] = masks({call})", INSIDE)
        names += masks
    return TakenBatch(tuple(names), texts, tuple(lines))


def _condition(wrong: Sequence[str]) -> list[str]:
    line = f"{INSIDE}if {' or '.join(wrong)}:"
    end = [f'{INSIDE}    raise ValueError("the batch does not fit")']
    if len(line) <= 100:
        return [line, *end]
    parts = [f"{INSIDE}    {'or ' if k else ''}{part}" for k, part in enumerate(wrong)]
    return [f"{INSIDE}if (", *parts, f"{INSIDE}):", *end]
