"""Compiles C text once, keeps it in the user's cache folder, and finds a BLAS for it.

This file is written into every generated module that runs C, so it imports NumPy and the standard library only.
The name of a compiled file is a digest of the text, the compiler, its options and the processor; it is written
under another name and renamed, so two processes may compile at once. Matrix products go to the BLAS that NumPy
has loaded already (a second one would bring a second set of threads), else to SciPy's, else to plain loops;
factorisations of matrices go to the LAPACK of the same library.
"""

import ctypes
import glob
import hashlib
import importlib
import os
import platform
import shutil
import subprocess
import tempfile
import threading

import numpy as np

FLAGS = ("-O3", "-march=native", "-fno-math-errno", "-fno-trapping-math", "-fopenmp-simd", "-shared", "-fPIC")
LIBRARIES = (("-DVECTOR_LIBM", "-lmvec", "-lm"), ("-lm",))  # the first that links
BLAS, LAPACK = ("gemm", "gemv", "syrk"), ("getrf", "getrs", "potrf")

NO_COMPILER = "there is no C compiler (cc); install one, such as gcc, or name it by CC="


def compiler():
    """The C compiler; None where there is none."""
    return shutil.which(os.environ.get("CC", "cc"))


def compiled(text):
    """The library of C `text`; raises OSError where there is no compiler or it fails."""
    program = compiler()
    if program is None:
        raise OSError(NO_COMPILER)
    version = subprocess.run([program, "--version"], capture_output=True, text=True).stdout
    key = "\n".join([text, version, *FLAGS, _processor()])
    folder = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "symgrad")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError:
        folder = tempfile.mkdtemp(prefix="symgrad-")
    path = os.path.join(folder, hashlib.blake2b(key.encode(), digest_size=16).hexdigest() + ".so")
    if not os.path.exists(path):
        _compile(program, text, path)
    try:
        library = ctypes.CDLL(path)
    except OSError:  # a damaged file, or one of another machine that shares the folder
        _compile(program, text, path)
        library = ctypes.CDLL(path)
    precision = "single" if "typedef float real" in text else "double"
    library.bind(*_blas(precision))
    if "void bind_lapack(" in text:
        library.bind_lapack(*_routines(precision, LAPACK)[1])
    return library


def _compile(program, text, path):
    with tempfile.TemporaryDirectory() as work:
        source, target = os.path.join(work, "code.c"), os.path.join(work, "code.so")
        with open(source, "w", encoding="utf-8") as file:
            file.write(text)
        for extra in LIBRARIES:
            done = subprocess.run([program, *FLAGS, source, "-o", target, *extra], capture_output=True, text=True)
            if done.returncode == 0:
                break
        else:
            raise OSError(f"{program} could not compile the generated C: {done.stderr.strip()[:2000]}")
        part = f"{path}.{os.getpid()}.part"
        shutil.copyfile(target, part)
        os.replace(part, path)


def _processor():
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            found = {line for line in file if line.startswith(("model name", "flags"))}
        return "".join(sorted(found))
    except OSError:
        return platform.machine() + platform.processor()


def _blas(precision):
    """(kind, gemm, gemv, syrk): 1 is CBLAS with 64-bit sizes, 2 is Fortran's with 32-bit ones, 0 is none."""
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
