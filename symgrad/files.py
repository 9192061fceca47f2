"""Files are written whole or not at all: first beside their place under another name, then renamed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from symgrad.graphs.errors import SymgradError


def write_whole(path: str | os.PathLike[str], content: str | bytes) -> Path:
    """Write `content` (text in UTF-8) to `path`; a file that was there is replaced as a whole.

    Raises SymgradError where the place cannot be written: nothing is left there then.

    >>> write_whole("missing/formulas.md", "x")
    Traceback (most recent call last):
    symgrad.graphs.errors.SymgradError: cannot write 'missing/formulas.md': there is no folder 'missing'
    """
    raw = content if isinstance(content, bytes) else content.encode("utf-8")
    return saved_whole(path, lambda temporary: temporary.write_bytes(raw))


def saved_whole(path: str | os.PathLike[str], fill: Callable[[Path], object]) -> Path:
    """As `write_whole`, for a writer of its own: `fill(temporary)` writes a file of the same suffix there."""
    target = Path(path)
    check_place(target)
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.stem}.", suffix=target.suffix)
    except OSError as error:
        raise SymgradError(f"cannot write {str(target)!r}: {reason(error)}") from None
    os.close(handle)
    temporary = Path(name)
    try:
        fill(temporary)
        os.chmod(temporary, 0o666 & ~_umask())  # as open() would have made it
        os.replace(temporary, target)
    except OSError as error:
        raise SymgradError(f"cannot write {str(target)!r}: {reason(error)}") from None
    finally:
        temporary.unlink(missing_ok=True)
    return target


def check_place(path: str | os.PathLike[str]) -> Path:
    """`path` as a Path; a SymgradError where no file can be put there, before anything is computed for it."""
    target = Path(path)
    if not target.parent.is_dir():
        raise SymgradError(f"cannot write {str(target)!r}: there is no folder {str(target.parent)!r}")
    if target.exists() and not target.is_file():  # a rename would replace /dev/null by a file
        kind = "folder" if target.is_dir() else "device"
        raise SymgradError(f"cannot write {str(target)!r}: that is a {kind}")
    if not os.access(target.parent, os.W_OK):
        raise SymgradError(f"cannot write {str(target)!r}: the folder {str(target.parent)!r} may not be written to")
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


def reason(error: OSError) -> str:
    """Why the system refused, in its own words, without number and path."""
    return (error.strerror or str(error) or type(error).__name__).lower()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
