"""Files are written whole or not at all: first beside their place under another name, then renamed.

A link stays a link, and a file that is replaced keeps its owner and its mode; see `codegen/program/files.py`.
"""

from __future__ import annotations

import os
from pathlib import Path

from symgrad.graphs.errors import SymgradError


def write_whole(path: str | os.PathLike[str], content: str | bytes) -> Path:
    """Write `content` (text in UTF-8) to `path`; a file that was there is replaced as a whole.

    Raises SymgradError where the place cannot be written: nothing is left there then.

    >>> write_whole("missing/formulas.md", "x")
    Traceback (most recent call last):
    symgrad.graphs.errors.SymgradError: cannot write 'missing/formulas.md': there is no folder 'missing'
    """
    from symgrad.codegen.program.files import whole  # the text of programs too, which open NumPy

    raw = content if isinstance(content, bytes) else content.encode("utf-8")
    target = check_place(path)
    try:
        whole(target, lambda file: file.write(raw))
    except (OSError, ValueError) as error:
        raise SymgradError(f"cannot write {str(target)!r}: {reason(error)}") from None
    return target


def check_place(path: str | os.PathLike[str]) -> Path:
    """`path` as a Path; a SymgradError where no file can be put there, before anything is computed for it."""
    target = Path(path)
    if "\0" in str(target):
        raise SymgradError(f"cannot write {str(target)!r}: no name of a file holds a NUL")
    try:
        if not target.parent.is_dir():
            raise SymgradError(f"cannot write {str(target)!r}: there is no folder {str(target.parent)!r}")
        if target.exists() and not target.is_file():  # a rename would replace /dev/null by a file
            kind = "folder" if target.is_dir() else "device"
            raise SymgradError(f"cannot write {str(target)!r}: that is a {kind}")
    except OSError as error:  # a name that is too long, a folder that may not be entered
        raise SymgradError(f"cannot write {str(target)!r}: {reason(error)}") from None
    folder = Path(os.path.realpath(target)).parent  # of a link: where it leads
    if not os.access(folder, os.W_OK):
        raise SymgradError(f"cannot write {str(target)!r}: the folder {str(folder)!r} may not be written to")
    return target


def make_folder(path: str | os.PathLike[str]) -> Path:
    """The folder `path`, made if it is not there; a SymgradError says why not."""
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise SymgradError(f"cannot write into {str(folder)!r}: that is a file, not a folder") from None
    except OSError as error:
        raise SymgradError(f"cannot make the folder {str(folder)!r}: {reason(error)}") from None
    return folder


def reason(error: OSError | ValueError) -> str:
    """Why the system refused, in its own words, without number and path."""
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).lower()
