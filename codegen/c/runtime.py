"""Compiles C text once, keeps it in the user's cache folder, and finds a BLAS for it.

This file is written into every generated module that runs C, so it imports NumPy and the standard library only.
What a compiled file is called is a digest of the text, the compiler, its options and the processor, and one of its own
bytes, by which it is checked before it is loaded. It is written under a name of its own and renamed, so any number of
threads, processes and machines may compile at once. The folder must be the user's own and closed to others; where it is
not, or cannot be written, a private one serves for as long as the process lives. Matrix products go to the BLAS that
NumPy has loaded already (a second one would bring a second set of threads), else to SciPy's, else to plain loops;
factorisations of matrices go to the LAPACK of the same library.
"""

import ctypes
import glob
import hashlib
import importlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
import threading

import numpy as np

FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fopenmp-simd", "-pthread", "-shared", "-fPIC")
LIBRARIES = (("-DVECTOR_LIBM", "-lmvec", "-lm"), ("-lm",))  # the first that links
BLAS, LAPACK = ("gemv",), ("getrf", "getrs", "potrf")

NO_COMPILER = "there is no C compiler (cc); install one, such as gcc, or name it by CC="


def compiler():
    """The command of the C compiler, as words (`CC="ccache gcc"` has two); None where there is none."""
    try:
        words = shlex.split(os.environ.get("CC", "")) or ["cc"]
    except ValueError:  # a quote that is not closed
        return None
    program = shutil.which(words[0])
    return None if program is None else [program, *words[1:]]


def compiled(text):
    """The library of C `text`; raises OSError where there is no compiler or it fails."""
    command = compiler()
    if command is None:
        raise OSError(NO_COMPILER)
    key = _digest("\n".join([text, *command, _run([*command, "--version"]).stdout, *FLAGS, _processor()]).encode())
    library = _kept(_folder(), key) or _stored(key, _compile(command, text))
    precision = "single" if "typedef float real" in text else "double"
    library.bind(*_blas(precision))
    if "void bind_lapack(" in text:
        library.bind_lapack(*_routines(precision, LAPACK)[1])
    if "void use_threads(" in text:
        library.use_threads(_threads())
    return library


def _threads():
    """As many threads as the user asks for, as BLAS and OpenMP read it, else as many as there are processors for us."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
        if os.environ.get(name, "").isdigit():
            return max(int(os.environ[name]), 1)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _digest(content):
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def _kept(folder, key):
    """The library that was compiled before, where its file is as it was written; one that is not is removed."""
    for path in glob.glob(os.path.join(glob.escape(folder), f"{key}-*.so")):
        try:
            with open(path, "rb") as file:
                whole = path.endswith(f"-{_digest(file.read())}.so")
            if whole:
                return ctypes.CDLL(path)
            os.remove(path)
        except OSError:  # another process was faster, or the file is one of another machine
            continue
    return None


def _stored(key, content):
    """The library of these bytes, from a file in the cache; from a private folder where there can be none."""
    for folder in (_folder(), _private()):
        try:
            number, part = tempfile.mkstemp(".part", dir=folder)
            try:
                with open(number, "wb") as file:
                    file.write(content)
                path = os.path.join(folder, f"{key}-{_digest(content)}.so")
                os.replace(part, path)
            except OSError:
                os.remove(part)
                raise
            return ctypes.CDLL(path)
        except OSError as error:
            problem = error
    raise OSError(f"the compiled C cannot be kept or loaded: {problem}")


def _folder():
    """The user's cache folder where it is theirs and no others can write to it, else a private one."""
    path = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "symgrad")
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
        found = os.stat(path)
        own = not hasattr(os, "getuid") or (found.st_uid == os.getuid() and not found.st_mode & 0o022)
        return path if own else _private()
    except OSError:
        return _private()


_own: list = []


def _private():
    """A folder of this process, which is removed when it ends."""
    if not _own or not os.path.isdir(_own[-1].name):
        _own.append(tempfile.TemporaryDirectory(prefix="symgrad-"))
    return _own[-1].name


def _run(command):
    """What a command said, whatever bytes it says it in."""
    try:
        return subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace",
                              stdin=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C"})
    except OSError as error:
        raise OSError(f"the C compiler {command[0]} cannot be run: {error.strerror}") from None


def _compile(command, text):
    """The bytes of the library of C `text`; raises OSError with the first error of the compiler."""
    with tempfile.TemporaryDirectory() as work:
        source, target = os.path.join(work, "code.c"), os.path.join(work, "code.so")
        with open(source, "w", encoding="utf-8") as file:
            file.write(text)
        for extra in LIBRARIES:
            done = _run([*command, *FLAGS, source, "-o", target, *extra])
            if done.returncode == 0 and os.path.exists(target):
                with open(target, "rb") as file:
                    return file.read()
    said = [line.strip() for line in done.stderr.replace(work + os.sep, "").splitlines() if line.strip()]
    first = next((line for line in said if "error" in line.lower()), said[0] if said else "")
    first = first[:200] or f"it ended with status {done.returncode} and wrote no library"
    raise OSError(f"{' '.join(command)} could not compile the generated C: {first}")


def _processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            found = {line for line in file if line.startswith(("model name", "flags"))}
        return "".join(sorted(found))
    except OSError:
        return platform.machine() + platform.processor()


def _blas(precision):
    """(kind, gemv): 1 is CBLAS with 64-bit sizes, 2 is Fortran's with 32-bit ones, 0 is none."""
    kind, found = _routines(precision, BLAS)
    return kind, *found


def _routines(precision, names):
    """The kind of the library that has BLAS and LAPACK, and pointers to routines; None for each where there is none."""
    letter = "s" if precision == "single" else "d"
    folder = os.path.join(os.path.dirname(os.path.dirname(np.__file__)), "numpy.libs")
    for path in glob.glob(os.path.join(folder, "libscipy_openblas64_*")):
        library = ctypes.CDLL(path)
        every = {**{name: f"scipy_cblas_{letter}{name}64_" for name in BLAS},
                 **{name: f"scipy_{letter}{name}_64_" for name in LAPACK}}
        if all(hasattr(library, symbol) for symbol in every.values()):
            return 1, [ctypes.cast(getattr(library, every[name]), ctypes.c_void_p) for name in names]
    try:
        module = importlib.import_module("scipy.linalg.cython_blas" if names == BLAS else "scipy.linalg.cython_lapack")
    except ImportError:
        return 0, [None] * len(names)
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    name_of = ctypes.pythonapi.PyCapsule_GetName
    name_of.restype, name_of.argtypes = ctypes.c_char_p, (ctypes.py_object,)
    capsules = [module.__pyx_capi__[letter + name] for name in names]
    return 2, [ctypes.c_void_p(get(capsule, name_of(capsule))) for capsule in capsules]


REAL, DOUBLE, WHOLE, TRUTH = map(np.dtype, ("float32", "float64", "int64", "bool"))


def _rows(array, dtype):
    """`array` as C reads it: of this dtype, in rows, at a fitting address; a copy where it does not lie so."""
    array = np.asarray(array)
    if array.dtype is dtype and array.flags.num & 0x101 == 0x101:  # C_CONTIGUOUS and ALIGNED
        return array
    return array.astype(dtype, "C", "same_kind")


NOTHING = ctypes.c_char * 0


def _address(array):
    """Where the entries of an array in rows lie; `array.ctypes.data` in a third of the time."""
    try:
        return ctypes.addressof(NOTHING.from_buffer(array))
    except TypeError:  # read-only
        return array.ctypes.data


def _table(*addresses):
    """Many addresses as one: a call in C takes no more than a thousand arguments."""
    return (ctypes.c_void_p * len(addresses))(*addresses)


def _refuse(failed):
    """Raises what a function in C has found."""
    if failed == 1:
        raise IndexError("an index is out of range")
    if failed == 4:
        raise MemoryError("no memory for the copy of a matrix")
    if failed:
        raise np.linalg.LinAlgError("Singular matrix" if failed == 2 else "Matrix is not positive definite")


_local = threading.local()


def _workspace(count):
    """A pointer to at least `count` bytes that belong to this thread."""
    block = getattr(_local, "block", None)
    if block is None or block.size < count + 64:
        block = _local.block = np.empty(count + 64, np.uint8)
    return (block.ctypes.data + 63) // 64 * 64
