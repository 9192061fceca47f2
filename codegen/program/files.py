"""Arrays in .npz files, read with care and written whole. `symgrad` works so, and every program has a copy of this text.

It imports NumPy and the standard library only. An array `w` is the member `w.npy`, with that suffix whatever its name is;
what a training keeps beside its arrays has none, so that no array can be mistaken for it.
"""

import contextlib
import glob
import math
import os
import secrets
import stat
import zipfile

import numpy as np

RATIO = 1100  # more than this zlib cannot unpack from one byte


def whole(path, write):
    """Puts a new file that `write(file)` fills in the place of `path`: whole or not at all.

    A link stays a link, a file keeps its owner and mode; what killed writers left beside it goes.
    """
    path = os.path.realpath(path)
    folder, name = os.path.split(path)
    front = os.path.join(folder, f".{name[:32]}.")
    for left in glob.glob(f"{glob.escape(front)}????????.part"):
        with contextlib.suppress(OSError), open(left, "rb") as old:
            if locked(old, wait=False):  # its writer is no more
                os.remove(left)
    there = os.stat(path) if os.path.exists(path) else None
    part, file = fresh(front, 0o666 if there is None else 0o600)
    try:
        write(file)
        if there is not None:
            with contextlib.suppress(AttributeError, OSError):
                os.chown(part, there.st_uid, there.st_gid)
            os.chmod(part, stat.S_IMODE(there.st_mode))
        file.flush()
        os.fsync(file.fileno())
        if os.name != "posix":
            file.close()  # elsewhere an open file cannot be renamed
        os.replace(part, path)
    finally:
        file.close()
        with contextlib.suppress(OSError):
            os.remove(part)


def fresh(front, mode):
    """A new file whose name begins so, and the name: others know by a lock that it is written."""
    while True:
        part = f"{front}{secrets.token_hex(4)}.part"
        file = open(part, "xb", opener=lambda name, flags: os.open(name, flags, mode))
        if not locked(file, wait=True) or os.path.exists(part):
            return part, file
        file.close()  # it was taken for a leftover before it was locked


def locked(file, wait):
    """Whether this process now has the file for itself, as long as it lives (not on Windows)."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except (ImportError, OSError):
        return False
    return True


def save(path, arrays, more=()):
    """Writes arrays by name to an .npz file, whole or not at all, and what a training keeps."""
    whole(path, lambda file: pack(file, arrays, more))


def pack(file, arrays, more=()):
    """The content of an .npz file, without a time of day."""
    members = [(f"{name}.npy", array) for name, array in arrays.items()]
    members += [(f"training/{name}", array) for name, array in dict(more).items()]
    with zipfile.ZipFile(file, "w") as archive:
        for name, array in members:
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as member:
                array = array.get() if hasattr(array, "get") else array  # from a GPU
                np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)


def contents(path):
    """(dtype, shape) of each array of an .npz file by name; none of them is unpacked."""
    found = opened(path, lambda archive: headers(archive, "", ".npy"))
    return {name: (dtype, shape) for name, (_, dtype, shape) in found.items()}


def load(path, names=None):
    """The arrays of an .npz file by name, all or those asked for; nothing in it is run.

    Raises ValueError with the name of a file that is damaged, or no .npz file of plain arrays.
    """
    return opened(path, lambda archive: unpacked(archive, "", ".npy", names))


def kept(path):
    """What a training keeps beside the arrays of a file, by name; nothing where there was none."""
    return opened(path, lambda archive: unpacked(archive, "training/", "", None))


def headers(archive, front, end):
    """(member, dtype, shape) by the names between `front` and `end`."""
    found = {}
    for member in archive.infolist():
        name = member.filename
        if not (name.startswith(front) and name.endswith(end)) or (front and name.endswith(".npy")):
            continue
        with archive.open(member) as stream:
            if np.lib.format.read_magic(stream) == (1, 0):
                shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
            else:  # of a long header; others are not those of plain arrays, and fail
                shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
            size = stream.tell() + math.prod(shape) * dtype.itemsize
        if dtype.hasobject or dtype.names:
            raise ValueError(f"{name} holds pickled objects, not plain arrays")
        if size != member.file_size or size > RATIO * member.compress_size:
            raise ValueError(f"the size of {name} is not that of its array")
        key = name[len(front) : len(name) - len(end)]
        if key in found:
            raise ValueError(f"{name} is there twice")
        found[key] = member, dtype, shape
    return found


def unpacked(archive, front, end, names):
    """The arrays of these members by name."""
    found = {}
    for name, (member, _, _) in headers(archive, front, end).items():
        if names is None or name in names:
            with archive.open(member) as stream:
                found[name] = np.lib.format.read_array(stream, allow_pickle=False)
                stream.read(1)  # the end: where the sum of all bytes is compared
    return found


def opened(path, read):
    """What `read` makes of the archive at `path`; a damaged one gives a ValueError in any case."""
    with open(path, "rb") as file:
        if file.read(6) == b"\x93NUMPY":
            raise ValueError(f"{path}: one array without a name; an .npz file holds arrays by name")
        try:
            with zipfile.ZipFile(file) as archive:
                return read(archive)
        except Exception as error:
            why = str(error) or type(error).__name__
            raise ValueError(f"{path}: damaged, or no .npz file of plain arrays: {why}") from None
