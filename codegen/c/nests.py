"""Each distinct loop nest once: what an unrolled recurrence does again and again becomes one C function.

Two blocks of C are the same nest where their texts agree up to the names of their arrays, as lambda terms agree up to
the names of bound variables. A nest that occurs more than once is written as a function of its arrays, with the names
of its first occurrence; an array that is visited from a fixed place on is handed over from there. What occurs once
stays where it is. `restrict` stands only where no call hands over memory that is written under another name.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from symgrad.codegen.c.texts import LIBM, TYPES
from symgrad.codegen.lowering import acts
from symgrad.codegen.lowering.arrays import Expr

WORD = re.compile(r"[^\W\d]\w*")
VISIT = re.compile(r"([^\W\d]\w*)\[([^\]]*)\]")
FIXED = re.compile(r"(?:(.*) \+ )?(\d+)")
WIDTH = 110
WORDS = 3  # in the name of a function


@dataclass
class LoopBlock:
    """One step, or several in one loop: its lines, what is said of it, and the arrays that it touches and writes."""

    lines: list[str]
    comments: list[str] = field(default_factory=list)
    touched: dict[Expr, None] = field(default_factory=dict)
    written: tuple[Expr, ...] = ()


@dataclass(frozen=True)
class Nest:
    """A block with names taken out: equal keys are one function."""

    key: tuple[Any, ...]
    lines: tuple[str, ...]
    arrays: tuple[str, ...]  # what is handed over, in this order
    offsets: tuple[str, ...]


def may_fail(lines: Sequence[str]) -> bool:
    """Do these lines of C refuse something?"""
    return any("return 1;" in line or "CHECKED(" in line for line in lines)


def share(blocks: Sequence[LoopBlock], names: Mapping[Expr, str], sizes: Sequence[str], memory: Callable[[Expr], Any],
          name: Callable[[str], str], by_value: Collection[Expr] = ()) -> list[str]:
    """Functions for the nests that occur more than once among `blocks`, whose lines become calls of them.

    `memory(e)` says where an array lies; `name(wish)` gives a name that is not taken; `by_value` are no arrays.
    """
    found: dict[tuple[Any, ...], list[tuple[LoopBlock, Nest]]] = {}
    for block in blocks:
        if any("for (" in line for line in block.lines):
            nest = bound(block, names, by_value)
            found.setdefault(nest.key, []).append((block, nest))
    texts = []
    for uses in found.values():
        if len(uses) > 1:
            function = name(title(uses[0][0]))
            texts.append(nest_text(function, uses, names, sizes, memory, by_value))
    return texts


def bound(block: LoopBlock, names: Mapping[Expr, str], by_value: Collection[Expr]) -> Nest:
    """The nest of a block: its arrays numbered in the order in which they appear."""
    kinds = {names[e]: e.kind for e in block.touched}
    results = {names[e] for e in block.written}
    text = "\n".join(block.lines)
    visits: dict[str, list[str]] = {}
    for match in VISIT.finditer(text):
        if match[1] in kinds:
            visits.setdefault(match[1], []).append(match[2])
    counted = WORD.findall(text)
    fixed: dict[str, int] = {}
    for array, at in visits.items():
        start = min(int(end[2]) if (end := FIXED.fullmatch(place)) else 0 for place in at)
        if start and counted.count(array) == len(at):
            fixed[array] = start

    def moved(visit: re.Match[str]) -> str:
        array, place = visit[1], visit[2]
        if array not in fixed or not (found := FIXED.fullmatch(place)):
            return visit[0]
        left = int(found[2]) - fixed[array]
        return f"{array}[{' + '.join([*filter(None, [found[1]]), *([str(left)] if left or not found[1] else [])])}]"

    text = VISIT.sub(moved, text)
    order = {word: None for word in counted if word in kinds}
    arrays = sorted(order, key=lambda a: a in results)  # what is read comes before what is written
    places = {array: k for k, array in enumerate(arrays)}
    locals_ = {f"{names[e]}_": k for k, e in enumerate(block.written)}

    def unnamed(match: re.Match[str]) -> str:
        word = match[0]
        return f"@{places[word]}" if word in places else f"@_{locals_[word]}" if word in locals_ else word

    key = (WORD.sub(unnamed, text), tuple((kinds[a], a in results) for a in arrays),
           tuple(places[names[e]] for e in block.touched if e in by_value and names[e] in places))
    return Nest(key, tuple(text.split("\n")), tuple(arrays), tuple(str(fixed.get(a, 0)) for a in arrays))


def title(block: LoopBlock) -> str:
    """A name for what a block does: the functions that it calls, or else its last operation."""
    functions = {f"{c}{end}": c for c in LIBM.values() for end in ("f", "")}
    called = [word for line in block.lines for word in re.findall(r"\w+(?=\()", line)]
    words = dict.fromkeys(functions[word] for word in called if word in functions)
    last = block.written[-1]
    operation = last.attrs[0] if last.op in acts.BY_NAME else last.op
    return "_".join([*words][:WORDS] or [operation])


def nest_text(function: str, uses: Sequence[tuple[LoopBlock, Nest]], names: Mapping[Expr, str], sizes: Sequence[str],
              memory: Callable[[Expr], Any], by_value: Collection[Expr]) -> str:
    """The text of a function for all these blocks, whose lines become its calls."""
    first = uses[0][1]
    kinds = first.key[1]
    alone = [True] * len(kinds)
    for block, nest in uses:
        expr = {names[e]: e for e in block.touched}
        at = [memory(expr[array]) for array in nest.arrays]
        for k, (_, result) in enumerate(kinds):
            alone[k] &= not any(at[j] == at[k] and j != k and (result or other) for j, (_, other) in enumerate(kinds))
    body = "\n".join(first.lines)
    passed = [size for size in sizes if re.search(rf"\b{size}\b", body)]
    numbers = {names[e] for e in uses[0][0].touched if e in by_value}
    head = [f"{TYPES[kind]} {array}" if array in numbers else
            f"{'' if result else 'const '}{TYPES[kind]} *{'restrict ' if free else ''}{array}"
            for array, (kind, result), free in zip(first.arrays, kinds, alone, strict=True)]
    head += [f"int64_t {size}" for size in passed]
    fails = may_fail(first.lines)
    kind = "int" if fails else "void"
    results = [array for array, (_, result) in zip(first.arrays, kinds, strict=True) if result]
    lines = [f"/* Needed {len(uses)} times, first for {', '.join(results)}. */"]
    lines += wrapped(f"NEST {kind} {function}({', '.join(head)}) {{", 4)
    for block, nest in uses:
        given = [array if offset == "0" else f"{array} + {offset}"
                 for array, offset in zip(nest.arrays, nest.offsets, strict=True)]
        call = f"{function}({', '.join([*given, *passed])})"
        call = f"CHECKED({call});" if fails else f"{call};"
        block.lines = wrapped(call, 6, "  ")
    lines += [part for line in first.lines for part in broken(line)]
    return "\n".join([*lines, *(["  return 0;"] if fails else []), "}"])


def wrapped(text: str, indent: int, first: str = "") -> list[str]:
    """A long line as several, broken between arguments and terms."""
    kept = re.sub(r"(?<![,+]) ", "\0", text)
    return [line.replace("\0", " ") for line in textwrap.wrap(
        kept, WIDTH, initial_indent=first, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False)]


def broken(line: str) -> list[str]:
    """A line of C as one or more that are not too long."""
    if len(line) <= WIDTH + 6 or "/*" in line or line.lstrip()[:1] == "#":
        return [line]
    text = line.lstrip()
    pad = len(line) - len(text)
    return wrapped(text, pad + 4, " " * pad)
