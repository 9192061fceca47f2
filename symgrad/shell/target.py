"""What a command works on: a model file, or one formula as text with the shapes of its names.

`target("examples/digits.py", {}, ())` runs a file; `target("sum((X @ w - y)**2)", {"X": "n,d", ...}, ("w",))` reads
a text by the safe parser. Which of the two is decided by the argument alone, and never by trying both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from symgrad.graphs.errors import ParseError, SymgradError
from symgrad.graphs.node import REAL, topological
from symgrad.language.symbols import parameter, symbol_kind, symbols_of
from symgrad.language.tensor import Tensor
from symgrad.reading.guessing import guessed_shapes
from symgrad.reading.parser import parse_with_symbols
from symgrad.reading.vocabulary import parse_shapes
from symgrad.shell import modelfile

PATH = r"[\w./\\~-]*\w[./\\][\w./\\~-]*"  # what may have been meant as one


@dataclass(frozen=True)
class Target:
    """A loss, the variables to differentiate by, and the file they came from, if any."""

    loss: Tensor
    wrt: tuple[Tensor, ...]
    title: str
    name: str
    file: modelfile.ModelFile | None = None


def target(argument: str, shapes: Mapping[str, str], wrt: Sequence[str]) -> Target:
    """Load the model file or parse the text that `argument` is.

    Raises SymgradError: for a file that is not there or does not define a model, a text that is no formula,
    and names in `wrt` that do not occur.
    """
    if not argument.strip():
        raise SymgradError("the formula is empty; give a formula such as \"x**2\" with --shape x=, or a model file")
    if not is_file_name(argument) or (shapes and not argument.lower().endswith(".py")):
        return _from_text(argument, shapes, wrt)
    if shapes:
        raise SymgradError(f"--shape is for a formula; {argument} is a model file and says its shapes itself")
    return from_file(argument, wrt)


def from_file(path: str, wrt: Sequence[str] = ()) -> Target:
    """Run the model file at `path`; `wrt` are names of its symbols or of tensors it displays by name."""
    file = modelfile.load(Path(path))
    variables = [_pick(name, file) for name in wrt] or list(_as_tensors(file))
    variables = variables or [s for s in symbols_of(file.loss, file.tensors) if symbol_kind(s) == "parameter"]
    return Target(file.loss, tuple(variables), file.title, file.name, file)


def is_file_name(argument: str) -> bool:
    """Whether an argument names a file: a `.py`, something that is there, or a path and not a quotient.

    >>> [is_file_name(text) for text in ("model.py", "X / y", "data/model", "a/b")]
    [True, False, False, False]
    """
    if argument.lower().endswith(".py"):
        return True
    try:
        return Path(argument).exists()
    except (OSError, ValueError):  # a long formula is no file name; nor are null bytes
        return False


def _from_text(text: str, shapes: Mapping[str, str], wrt: Sequence[str]) -> Target:
    declared = parse_shapes(shapes)
    for name in wrt:
        if name not in declared:
            known = f"; declared are {', '.join(declared)}" if declared else ""
            likely = "" if re.fullmatch(PATH, text) else _fitting(text, shapes, name)
            raise SymgradError(f"--wrt {name}: no --shape declares {name!r}{known}{likely}")
        symbol = declared[name]
        if symbol.over is None and symbol.dtype == REAL:  # what it is differentiated by is to be fitted
            declared[name] = parameter(name, symbol.shape)
    try:
        loss, symbols = parse_with_symbols(text, declared)
    except ParseError as error:
        raise ParseError(f"{error}{_hint(text, shapes, str(error))}") from None
    used = set(topological([loss.node]))
    variables = [symbols[name] for name in wrt]
    variables = variables or [s for s in symbols.values() if s.dtype == REAL and s.node in used]
    return Target(loss, tuple(variables), " ".join(text.split()), "formula")


def _hint(text: str, shapes: Mapping[str, str], error: str) -> str:
    """What may have been meant: a file that is not there, or names without a shape."""
    if re.fullmatch(PATH, text):
        return f"\nIf a model file was meant: there is no file {text!r}."
    if "is not declared" not in error:
        return ""
    return _fitting(text, shapes) or ("" if shapes else "\nA name is declared by its shape: --shape X=n,d; a scalar by "
                                      "--shape c=")


def _fitting(text: str, shapes: Mapping[str, str], wanted: str = "") -> str:
    """Shapes that would fit the names that have none, if they can be guessed and `wanted` is one of them."""
    for scalar in (True, False):
        try:
            guessed = guessed_shapes(text, shapes, scalar)
        except SymgradError:
            continue
        if guessed and (not wanted or wanted in guessed):
            said = " ".join(f"{name}={shape}" for name, shape in guessed.items())
            said = f"'{said}'" if len(guessed) > 1 else said
            return f"\nNames are declared by their shapes; these would fit: --shape {said}"
    return ""


def _as_tensors(file: modelfile.ModelFile) -> Sequence[Tensor]:
    value = file.get("wrt", ())
    values = list(value.values()) if isinstance(value, Mapping) else [value] if isinstance(value, Tensor) else value
    if not isinstance(values, (list, tuple)) or not all(isinstance(v, Tensor) for v in values):
        raise modelfile.ModelFileError(f"{file.path}: wrt must be a tensor, or a list or dict of tensors")
    return values


def _pick(name: str, file: modelfile.ModelFile) -> Tensor:
    """The symbol of that name, or the intermediate tensor that the file displays so."""
    symbols = symbols_of(file.loss)
    found = [s for s in symbols if s.name == name] or [
        value for value in file.tensors if value.name == name and value.node in set(topological([file.loss.node]))]
    if found:
        return found[0]
    raise SymgradError(f"--wrt {name}: the loss of {file.path} has no symbol {name!r}; "
                       f"it has {', '.join(str(s.name) for s in symbols)}")
