"""Kernels on a CPU: the text of CUDA as C++, each CUDA thread a fiber (cuda_cpu.h), in one of three orders of threads."""

import ctypes
import itertools
import re
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np

HEADER = Path(__file__).with_name("cuda_cpu.h")
FORWARD, BACKWARD, RANDOM = range(3)
NUMBER = itertools.count()
FOLDER = tempfile.TemporaryDirectory()


def numbered(text):
    """A text whose barriers have numbers, so that one can be left out, and how many there are: of the one block, of warps, of
    the grid, within the tasks of a block."""
    head, body = text[:text.index("struct Memory")], text[text.index("struct Memory"):]
    counts = []
    for call, other in ((r"barrier\(\);", "__syncthreads_at"), (r"__syncwarp\(\);", "__syncwarp_at"),
                        (r"barrier\(on.word\);", "grid_sync_at"), (r"__syncthreads\(\);", "__syncthreads_at")):
        first = sum(counts)
        parts = re.split(rf"(?<!\w){call}", body)
        counts.append(len(parts) - 1)
        body = "".join(part + (f"{other}({first + k});" if k < counts[-1] else "") for k, part in enumerate(parts))
    return head + body, counts


FLAGS = "-std=c++17 -O0 -w -fPIC -ffp-contract=off".split()


@lru_cache
def header():
    """The header, compiled once."""
    place = Path(FOLDER.name) / HEADER.name
    place.write_bytes(HEADER.read_bytes())
    subprocess.run(["g++", *FLAGS, "-x", "c++-header", "-o", f"{place}.gch", place], check=True)
    return place


@lru_cache
def built(text):
    """The kernels of a text as a library: each takes its arguments as a table of pointers; and the kinds of these, by name."""
    glue, kinds = ["typedef program::real real;"], {}
    for name, declared in re.findall(r'extern "C" __global__ void[^;{]*?\b(\w+)\(([^()]*)\)\s*{', text):
        arguments = [" ".join(re.sub(r"\bconst\b|__restrict__", "", part).split()) for part in declared.split(",")]
        pairs = [re.fullmatch(r"(.*?)(\w+)", argument).groups() for argument in arguments]
        kinds[name] = ["*" in kind for kind, _ in pairs]
        given = [f"{name}_given_{k}_" for k in range(len(pairs))]
        glue += [f"static {kind.strip()} {own};" for own, (kind, _) in zip(given, pairs, strict=True)]
        glue += [f"static void {name}_body_() {{ program::{name}({', '.join(given)}); }}",
                 f'extern "C" int run_{name}(int blocks_, int threads_, size_t shared_, int order_, unsigned seed_, void **table_) {{']
        for k, (own, (kind, _)) in enumerate(zip(given, pairs, strict=True)):
            kind = kind.strip()
            glue.append(f"  {own} = ({kind})table_[{k}];" if "*" in kind else f"  {own} = *({kind} *)table_[{k}];")
        glue += [f"  return launch_(blocks_, threads_, shared_, order_, seed_, {name}_body_);", "}"]
    glue.append('extern "C" void skip(int k_) { skipped_ = k_; }')
    place = Path(FOLDER.name) / f"kernels{next(NUMBER)}"  # a changed library under an old name crashes Python
    place.with_suffix(".cpp").write_text(f'#include "{header()}"\n{text}\n' + "\n".join(glue) + "\n")
    subprocess.run(["g++", *FLAGS, "-shared", "-o", place.with_suffix(".so"), place.with_suffix(".cpp")], check=True)
    return ctypes.CDLL(str(place.with_suffix(".so"))), kinds


def launch(text, name, blocks, threads, shared, arguments, order=FORWARD, seed=1, skip=-1):
    """Runs a kernel on NumPy arrays, in place; without the barrier numbered `skip`. Raises RuntimeError where threads wait
    for ever."""
    lib, kinds = built(text)
    lib.skip(skip)
    kinds = kinds[name]
    assert len(kinds) == len(arguments), f"{len(arguments)} arguments for {len(kinds)}"
    held = [a if isinstance(a, np.ndarray) else np.asarray(a) for a in arguments]
    table = (ctypes.c_void_p * len(held))(*(a.ctypes.data for a in held))
    if getattr(lib, f"run_{name}")(blocks, threads, ctypes.c_size_t(shared), order, ctypes.c_uint(seed), table):
        raise RuntimeError("threads wait for ever at a barrier that others never reach")
