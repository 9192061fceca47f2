"""The head of a training module: what it is, its imports, and tables of what the data must be."""

from __future__ import annotations

import hashlib
import io
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from symgrad.codegen.plan.binding import index_inputs
from symgrad.codegen.program import files
from symgrad.codegen.program.frame import CONSTANTS, LARGE, PIECE, Frame
from symgrad.codegen.program.network import Network, UpdateRule, count_text, kept_names, sum_of
from symgrad.codegen.python.batch import kind_name
from symgrad.codegen.python.emit import Emitted
from symgrad.codegen.python.inplace_emit import InPlaceFunction
from symgrad.codegen.python.job import EmittedModule
from symgrad.codegen.quoting import docstring, literal
from symgrad.graphs.node import INTEGER, REAL, Node

Functions = Mapping[str, Emitted | InPlaceFunction]
IMPORTS = "argparse contextlib glob hashlib io json math os secrets signal stat sys time zipfile".split()
NUMBERS = {"NUMBERS": "DTYPE", "INTEGERS": "np.int64", "BOOLEANS": "np.bool_"}
ALONE = ("Its matrix products are small: one thread is best, by OPENBLAS_NUM_THREADS=1 in the environment (for other "
         "libraries than NumPy's own OpenBLAS, MKL_NUM_THREADS=1 or OMP_NUM_THREADS=1).")


def head(module: EmittedModule, net: Network, rule: UpdateRule, frame: Frame, functions: Functions, body: str,
         more: Sequence[str]) -> str:
    flops = functions["backward"].plan.flops
    count = sum_of(net.parameters)
    lines = [net.title, "", *(f"    {line}" for line in net.formulas), "",
             f"{count} parameters; {count_text(flops)} operations for the loss and all gradients. G_v is the gradient "
             f"of the loss by v; the rows of matrices such as X are samples. Written by symgrad; needs {frame.needs}.", "",
             "    python thisfile.py data.npz --epochs 10 --output model.npz", "",
             *([ALONE, ""] if frame.pieces and functions["backward"].plan.wants_one_thread({}) else []),
             f"data.npz holds the arrays {_listed(name for name, _ in net.data)}, model.npz the parameters by name."]
    doc = []
    for line in lines:
        doc += [line] if line.startswith("    ") else textwrap.wrap(
            line, 96, break_long_words=False, break_on_hyphens=False) or [""]
    arrays, own = frame.import_lines(body), LARGE.strip("\n") if module.data else ""
    imports = [name for name in sorted({*IMPORTS, *more}) if f"{name}." in body + arrays + own]
    further = ["from collections.abc import MutableMapping", *(["from pathlib import Path"] if module.data else [])]
    parts = ["\n".join(docstring(doc)), "\n".join([*(f"import {name}" for name in imports), *further]), arrays]
    constants = [f"DTYPE = np.{module.dtype}", f"LR = {rule.lr!r}  # the learning rate, unless another is given",
                 *([f"PIECE = {PIECE}  # entries that an update takes at a time"] if frame.pieces else []),
                 *_tables(net), *_kept(net, rule), *_kinds(net)]
    if module.data:
        content = io.BytesIO()
        files.pack(content, module.data)
        digest = hashlib.blake2b(content.getvalue(), digest_size=16).hexdigest()
        parts.append(f"\n{own}\n")
        constants.append(f'LARGE = large(Path(__file__).with_suffix("{CONSTANTS}"), "{digest}")')
    constants += module.constant_lines("LARGE")
    return "\n\n".join([*parts, "\n".join(constants)])


def _kept(net: Network, rule: UpdateRule) -> list[str]:
    names = ", ".join(map(literal, kept_names(net, rule)))
    return [f"KEPT = ({names})  # what a copy of a state keeps beside the parameters", f"RULE = {literal(rule.identity)}"]


def _kinds(net: Network) -> list[str]:
    """The kinds of numbers of a batch."""
    used = dict.fromkeys(kind_name(node.dtype) for _, node in (*net.data, *net.shares.count))
    return [f"{name} = np.dtype({kind})" for name, kind in NUMBERS.items() if name in used]


def _listed(names: Any) -> str:
    return ", ".join(names) or "nothing"


def _tables(net: Network) -> list[str]:
    """What the data must be, for checks: the shape of each array, the kinds that are not real numbers."""
    def shape(node: Node) -> str:
        parts = [str(s) if isinstance(s, int) else literal(str(s)) for s in node.shape]
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"

    def row(name: str, keys: Sequence[str]) -> str:
        return f"{name} = ({', '.join(map(literal, keys))}{',' if len(keys) == 1 else ''})"

    both = {**dict(net.data), **dict(net.inputs)}
    sampled = [name for name, node in net.data if node.attrs[0].over is not None]
    lines = ["ARRAYS = {  # their shapes; what is a text here is a size that the arrays show"]
    lines += [f"    {literal(name)}: {shape(node)}," for name, node in (*net.parameters, *both.items())]
    lines += ["}", row("PARAMETERS", [name for name, _ in net.parameters]),
              row("DATA", [name for name, _ in net.data]) + "  # what training needs"]
    if net.states:
        lines.append(row("MOVED", [name for name, _ in net.moved]) + "  # parameters that steps move by a formula")
    if net.prediction is not None:
        lines.append(row("INPUTS", [name for name, _ in net.inputs]) + "  # what the prediction needs")
    if net.divisible:
        lines.append(row("SAMPLES", sampled) + "  # those with a row for each sample")
    kinds = {name: "np.int64" if node.dtype == INTEGER else "np.bool_" for name, node in both.items()
             if node.dtype != REAL}
    if kinds:
        lines.append("KINDS = {" + ", ".join(f"{literal(name)}: {kind}" for name, kind in kinds.items()) + "}")
    classes = {name: node.attrs[0].classes for name, node in both.items() if isinstance(node.attrs[0].classes, int)}
    if classes:
        lines.append("CLASSES = {" + ", ".join(f"{literal(n)}: {c}" for n, c in classes.items()) + "}")
    lengths = lengths_of(net)
    if lengths:
        rows = ", ".join(f"{literal(n)}: {c}" for n, c in lengths.items())
        lines.append(f"LENGTHS = {{{rows}}}  # of axes they index")
    return lines


def lengths_of(net: Network) -> dict[str, int]:
    """For data that are indices as they are, and no labels: the length of the axis, where it is a number."""
    both = {node: name for name, node in (*net.data, *net.inputs)}
    roots = [net.loss[1], net.asked.loss[1], *([net.prediction[1]] if net.prediction is not None else [])]
    lengths: dict[str, int] = {}
    for node, size in index_inputs(roots):
        if isinstance(size, int) and not isinstance(node.attrs[0].classes, int):
            lengths[both[node]] = min(size, lengths.get(both[node], size))
    return lengths
