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
    scope = Identifiers({"state", "t", "rng", "np", "cp", "mask", "chance", "DTYPE"})
    sizes = free_symbols([size for _, node in net.masks for size in node.shape if size not in net.sizes])
    names = {symbol: scope.fresh(symbol.name) for symbol in sizes} | {s: str(n) for s, n in net.sizes.items()}
    listed = ", ".join(name for name, _ in net.masks)
    lines = [f"def masks({', '.join(['state', 't', *(names[s] for s in sizes)])}):",
             *wrap_line(f'"""The masks of step t: {listed}."""', "    "),
             '    rng = chance(state["seed"], t)', "    return ["]
    for _, node in net.masks:
        drawn = f"mask(rng, {number_text(node.attrs[0].init).text}, {shape_text(node.shape, names)}, DTYPE)"
        lines.append(f"        {frame.library.put.format(drawn)},")
    return [text[text.index("\ndef chance"):], "\n".join([*lines, "    ]"])]
