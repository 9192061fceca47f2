"""What a command works on: a model file, or one formula as text with the shapes of its names.

`target("examples/digits.py", {}, ())` runs a file; `target("sum((X @ w - y)**2)", {"X": "n,d", ...}, ("w",))` reads
a text by the safe parser. Which of the two is decided by the argument alone, and never by trying both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from symgrad.formulas.spelling.glyphs import GREEK
from symgrad.graphs.errors import ParseError, SymgradError
from symgrad.graphs.node import topological
from symgrad.language.symbols import symbol_kind, symbols_of
from symgrad.language.tensor import Tensor
from symgrad.reading.asking import asked_text
from symgrad.reading.vocabulary import parse_shapes
from symgrad.shell import modelfile

PATH = r"[\w./\\~-]*\w[./\\][\w./\\~-]*|[^\W\d]\w{2,}"  # what may have been meant as one
NUMBERS = {"": "a number", ": integer": "a whole number"}  # shapes, in words


@dataclass(frozen=True)
class Target:
    """A loss, the variables to differentiate by, the file they came from, if any, and the shapes that nobody gave."""

    loss: Tensor
    wrt: tuple[Tensor, ...]
    title: str
    name: str
    file: modelfile.ModelFile | None = None
    guessed: Mapping[str, str] = field(default_factory=dict)

    @property
    def told(self) -> str:
        """What was guessed, in one line; may be empty."""
        shapes = [f"{name} = {NUMBERS.get(shape) or shape.replace(',', ' × ')}" for name, shape in self.guessed.items()]
        return f"Guessed: {', '.join(shapes)}; --shape says otherwise." if shapes else ""


def target(argument: str, shapes: Mapping[str, str], wrt: Sequence[str], number: bool | None = None) -> Target:
    """Load the model file or parse the text that `argument` is; shapes that nobody gives are guessed.

    `number` says that the formula must be one, or may be anything; None, that a number is likelier. Raises SymgradError:
    for a file that is not there or does not define a model, a text that is no formula or leaves its shapes open, and
    names in `wrt` that do not occur.
    """
    if not argument.strip():
        raise SymgradError("the formula is empty; give a formula such as \"x**2\" with --shape x=, or a model file")
    if not is_file_name(argument) or (shapes and not argument.lower().endswith(".py")):
        return _from_text(argument, shapes, wrt, number)
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


def _from_text(text: str, shapes: Mapping[str, str], wrt: Sequence[str], number: bool | None) -> Target:
    parse_shapes(shapes)  # what is wrong with one is said of it alone
    missing = f"there is no file {text!r}" if re.fullmatch(PATH, text) else ""
    if missing and (not shapes or text.isidentifier()) and text not in shapes and _is_of_words(text):
        raise SymgradError(f"{missing}; if {text} is a formula, declare its names: --shape \"NAME=SIZES ...\"")
    try:
        found = asked_text(text, shapes, wrt, number)
    except ParseError as error:
        raise ParseError(f"{error}\nIf a model file was meant: {missing}." if missing else str(error)) from None
    return Target(found.tensor, found.wrt, " ".join(text.split()), "formula", None, found.guessed)


def _is_of_words(text: str) -> bool:
    """Is there a word of three letters and more that is no Greek letter, as in data/model?"""
    words = re.split(r"[./\\~-]+", text)
    return any(len(word) > 2 and word.isalpha() and word not in GREEK for word in words)


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
