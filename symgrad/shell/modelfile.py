"""A model file: ordinary Python that defines a loss and, where it trains, data. Loading it runs it.

What a model file may define (`NAMES` is the whole list; other names are its own affair):

    loss          the tensor to minimise; the only name that must be there
    predict       the tensor that a trained model answers with
    data          {symbol name: array}, what is trained on
    validation    {symbol name: array}, or a fraction of `data`: chooses when to stop
    test_data     {symbol name: array}, never seen by the training; measured once, at the end
    metrics       "accuracy", or {name: tensor}: measured beside the loss
    optimizer     such as sg.optim.Adam(1e-3)
    epochs, batch_size, seed, callbacks      as in Model.fit
    wrt           the variables of the derivation, where not all parameters
    title         one line for the header; otherwise the first line of the file's docstring
"""

from __future__ import annotations

import contextlib
import difflib
import sys
import traceback
import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path
from typing import Any

from symgrad.files import reason
from symgrad.graphs.errors import SymgradError
from symgrad.language.tensor import Tensor

NAMES = """loss predict data validation test_data metrics optimizer epochs batch_size seed callbacks wrt
title""".split()
# Where a package is installed under another name than it is imported by.
PACKAGES = {"sklearn": "scikit-learn", "PIL": "pillow", "cv2": "opencv-python", "yaml": "pyyaml"}


class ModelFileError(SymgradError):
    """A model file that is not there, cannot be read, raises, or defines something else than a model."""


@dataclass(frozen=True)
class ModelFile:
    """What a model file said, checked; `given` holds the optional names of `NAMES`, `tensors` all
    tensors that it gives a name."""

    path: Path
    title: str
    loss: Tensor
    given: Mapping[str, Any] = field(default_factory=dict)
    tensors: tuple[Tensor, ...] = ()

    @property
    def name(self) -> str:
        """The name of the file without `.py`: what the files of its results are called by."""
        return self.path.stem

    def get(self, name: str, default: Any = None) -> Any:
        """What the file defines as `name`."""
        return self.given.get(name, default)


def load(path: Path) -> ModelFile:
    """Run the model file at `path` and check what it defines. What it prints goes to standard error.

    Raises ModelFileError with file and line where it does not run, or defines something else than a model.
    """
    module = _run(path, _code(path))
    found = {name: vars(module)[name] for name in NAMES if name in vars(module)}
    loss = found.pop("loss", None)
    if loss is None:
        raise ModelFileError(f"{path} defines no `loss`{_near(module)}; a model file sets loss = ... to a tensor")
    if not isinstance(loss, Tensor):
        raise ModelFileError(f"{path}: loss is {_a(loss)}, not a tensor of symgrad")
    for name, value in found.items():
        _check(path, name, value)
    title = found.get("title") or (module.__doc__ or "").strip().split("\n")[0] or path.stem
    return ModelFile(path, title, loss, found, tuple(v for v in vars(module).values() if isinstance(v, Tensor)))


# running it -------------------------------------------------------------------------------------------------


def _code(path: Path) -> types.CodeType:
    try:
        source = path.read_bytes()
    except FileNotFoundError:
        raise ModelFileError(f"there is no file {str(path)!r}") from None
    except OSError as error:  # a folder, no permission
        raise ModelFileError(f"cannot read {str(path)!r}: {reason(error)}") from None
    try:
        code: types.CodeType = compile(source, str(path), "exec", dont_inherit=True)
    except SyntaxError as error:
        shown = f"\n    {error.text.strip()}" if error.text and error.text.strip() else ""
        raise ModelFileError(f"{path}, line {error.lineno or 1}: {type(error).__name__}: {error.msg}{shown}") from None
    except (ValueError, RecursionError, MemoryError) as error:  # null bytes, nested too deep
        raise ModelFileError(f"{path} is not Python that can be read: {error}") from None
    return code


def _run(path: Path, code: types.CodeType) -> types.ModuleType:
    module = types.ModuleType(path.stem)
    module.__file__ = str(path)
    hidden = f"symgrad model {path.resolve()}"  # findable (dataclasses look there), under no name of a package
    module.__name__, sys.modules[hidden] = hidden, module
    try:
        with _neighbours(path), contextlib.redirect_stdout(sys.stderr):
            exec(code, vars(module))
    except Exception as error:
        raise ModelFileError(told(path, error)) from None
    except SystemExit as error:
        raise ModelFileError(f"{_place(path, error)}: it ends the program ({error.code or 0}) "
                             "instead of defining a model") from None
    return module


@contextlib.contextmanager
def _neighbours(path: Path) -> Iterator[None]:
    """A model file may import the files beside it, as a script may."""
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)


def _frame(path: Path, error: BaseException) -> traceback.FrameSummary | None:
    """The last line of the model file itself that ran, or else of a file beside it."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename == str(path)]
    near = [frame for frame in frames if Path(frame.filename).resolve().parent == path.resolve().parent]
    found = own or near
    return found[-1] if found else None


def _place(path: Path, error: BaseException) -> str:
    frame = _frame(path, error)
    return f"{frame.filename}, line {frame.lineno}" if frame else str(path)


def told(path: Path, error: Exception) -> str:
    """An error of a model file in words: file and line, kind, message, and the line itself."""
    frame, text = _frame(path, error), str(error).strip() or "no message"
    if isinstance(error, ImportError):
        top = (error.name or "").split(".")[0]
        if isinstance(error, ModuleNotFoundError) and top not in sys.stdlib_module_names:
            text += f"; pip install {PACKAGES.get(top, top)}"
    line = f"\n    {frame.line}" if frame and frame.line else ""
    return f"{_place(path, error)}: {type(error).__name__}: {text}{line}"


# checking it ------------------------------------------------------------------------------------------------


def _near(module: types.ModuleType) -> str:
    names = [name for name in vars(module) if not name.startswith("_")]
    close = difflib.get_close_matches("loss", names, n=1, cutoff=0.6)
    return f" (there is `{close[0]}`)" if close else ""


def _a(value: Any) -> str:
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def _check(path: Path, name: str, value: Any) -> None:
    def refuse(wanted: str) -> None:
        raise ModelFileError(f"{path}: {name} is {_a(value)}, not {wanted}")

    if name == "predict" and not isinstance(value, Tensor):
        refuse("a tensor of symgrad")
    if name in ("epochs", "batch_size", "seed"):
        least = 0 if name == "seed" else 1
        if value is None and name == "batch_size":
            return
        if isinstance(value, bool) or not isinstance(value, Integral):
            refuse("a whole number")
        if value < least:
            raise ModelFileError(f"{path}: {name} is {value}; it must be {least} or more")
    if name == "title" and not isinstance(value, str):
        refuse("a text")
    if name in ("data", "test_data") or (name == "validation" and not isinstance(value, float)):
        if (value is not None or name == "data") and not isinstance(value, Mapping):
            refuse("a dict from symbol name to array")
