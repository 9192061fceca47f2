"""The masks of a step in a training module, as text."""

from __future__ import annotations

import inspect

from symgrad.codegen.program import masks
from symgrad.codegen.program.frame import Frame
from symgrad.codegen.program.network import Network
from symgrad.codegen.python.identifiers import Identifiers
from symgrad.codegen.python.texts import number_text, shape_text
from symgrad.codegen.python.wrapping import wrap_line
from symgrad.graphs.sizes import free_symbols


def masks_text(net: Network, frame: Frame) -> list[str]:
    """The functions of `masks.py`, as they stand there, and the one that draws all masks of a step; nothing without."""
    if not net.masks:
        return []
    text = inspect.getsource(masks)
    scope = Identifiers({"state", "t", "rng", "rows", "np", "cp", "mask", "chance", "DTYPE"})
    sizes = free_symbols([size for _, node in net.masks for size in node.shape if size not in net.sizes])
    names = {symbol: scope.fresh(symbol.name) for symbol in sizes} | {s: str(n) for s, n in net.sizes.items()}
    listed = ", ".join(name for name, _ in net.masks)
    lines = [f"def masks({', '.join(['state', 't', *(names[s] for s in sizes)])}):",
             *wrap_line(f'"""The masks of step t: {listed}."""', "    "),
             '    rng = chance(state["seed"], t)']
    overs = {node.attrs[0].over for _, node in net.masks} - {None}
    if net.divisible and overs:  # of one kind, then
        (over,) = overs
        lines += ["    rows = slice(None)",
                  "    if state.ranks is not None:  # each draws the masks of the whole batch, and takes its own",
                  f"        rows, {names[over]} = state.ranks.rows, state.ranks.count"]
    lines.append("    return [")
    for _, node in net.masks:
        drawn = f"mask(rng, {number_text(node.attrs[0].init).text}, {shape_text(node.shape, names)}, DTYPE)"
        drawn += "[rows]" if net.divisible and node.attrs[0].over is not None else ""
        lines.append(f"        {frame.library.put.format(drawn)},")
    return [text[text.index("\ndef chance"):], "\n".join([*lines, "    ]"])]
