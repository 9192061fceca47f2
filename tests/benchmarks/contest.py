"""What a task of the race is, and how candidates are made: the plumbing that all tasks share.

A `Task` makes its data from a seed, the same in every process, and names its candidates. A candidate is a function
of the data that prepares everything and gives a `Case`: a callable of no arguments that does the work once and
returns when it is done, and the results by which candidates are compared.
"""

import importlib.util
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np

OWN = ("symgrad numpy", "symgrad c")
CARD = "symgrad cupy"  # what runs on a GPU
ON_CARD = ("symgrad plain", "symgrad 20 steps", "symgrad 500 steps", "torch reduce-overhead", "torch CUDA graph",
           "jax scan 500")  # what has a meaning only there, or is worth its time only there
ORDER = (CARD, *OWN, "numpy by hand", "torch eager", "torch.compile", "jax.jit", "jax lax.scan", *ON_CARD)
NEEDS = {name: package for name in ORDER for package in ("torch", "jax") if name.startswith(package)} | {
    name: "cupy" for name in (CARD, *ON_CARD) if name.startswith("symgrad")}
DIGITS = {"float32": 1e-4, "float64": 1e-8}  # how far results may differ, measured against their largest entry


@dataclass(frozen=True)
class Case:
    """A prepared candidate. `call()` does the work `steps` times; `outcome()` gives results by name, before timing."""

    call: Callable
    outcome: Callable
    steps: int = 1


@dataclass(frozen=True)
class Task:
    """`data(rng, **sizes)` gives arrays by name; `candidates` maps names to functions of these arrays."""

    about: str
    dtype: str
    sizes: Mapping
    tiny: Mapping  # sizes for the test of the benchmarks themselves
    data: Callable
    candidates: Mapping[str, Callable] = field(repr=False)
    tolerance: float = 0.0

    def make(self, tiny=False):
        """The data in the task's dtype; integers stay integers."""
        arrays = self.data(np.random.default_rng(0), **(self.tiny if tiny else self.sizes))
        return {name: a.astype(self.dtype) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a
                for name, a in arrays.items()}

    def differences(self, one, two):
        """The results of two candidates that differ, each as a line of text."""
        if set(one) != set(two):
            return [f"results {sorted(one)} and {sorted(two)}"]
        found = []
        for name in one:
            a, b = (np.asarray(x, np.float64) for x in (one[name], two[name]))
            if a.shape != b.shape:
                found.append(f"{name}: shapes {a.shape} and {b.shape}")
                continue
            far = np.abs(a - b).max(initial=0.0) / max(np.abs(b).max(initial=0.0), 1e-300)
            if not far <= (self.tolerance or DIGITS[self.dtype]):
                found.append(f"{name}: relative difference {far:.1e}")
        return found


def on_gpu():
    """Do the candidates of this process compute on a GPU?"""
    return os.environ.get("RACE_DEVICE") == "gpu"


def missing(name):
    """The package that a candidate needs and that is not installed, or None."""
    package = NEEDS.get(name)
    return package if package and importlib.util.find_spec(package) is None else None


def symgrad(build):
    """The candidates of symgrad: `build(data, backend)`."""
    return {name: partial(build, backend=name.split()[1]) for name in (*OWN, CARD)}


def here(array):
    """A copy as NumPy's array, from wherever it is."""
    return np.array(getattr(array, "get", getattr(array, "cpu", lambda: array))())


def arrays_of(names, call):
    """A case whose call returns its results, in the order of `names`."""
    def outcome():
        results = call()
        results = results if isinstance(results, (tuple, list)) else (results,)
        return {name: here(r) for name, r in zip(names, results, strict=True)}

    return Case(call, outcome)


def function_case(inputs, outputs, data, dtype, backend):
    """symgrad: symbols by name and outputs by name, at the arrays of the same names."""
    import symgrad as sg

    f = sg.function(inputs, list(outputs.values()), backend=backend, dtype=dtype)
    arguments = [data[name] for name in f.inputs]
    if backend != "cupy":
        return arrays_of(outputs, lambda: f(*arguments))
    import cupy

    there = [cupy.asarray(a) for a in arguments]
    return arrays_of(outputs, lambda: (f(*there), cupy.cuda.Device().synchronize())[0])


# peers --------------------------------------------------------------------------------------------------------------


def torch_tensors(data, wanted):
    import torch

    place = "cuda" if on_gpu() else "cpu"
    tensors = {name: torch.from_numpy(np.array(a)).to(place) for name, a in data.items() if isinstance(a, np.ndarray)}
    for name in wanted:
        tensors[name].requires_grad_()
    return tensors


def torch_waits():
    """Until a GPU has done what it was given."""
    if on_gpu():
        import torch

        torch.cuda.synchronize()


def torch_gradients(value, wanted, names, extra=False):
    """PyTorch, eager and compiled: value(tensors) and its gradients; `value` may give (loss, another result)."""
    def build(data, compiled):
        import torch

        tensors = torch_tensors(data, wanted)
        leaves = [tensors[name] for name in wanted]
        forward = torch.compile(value) if compiled else value

        def call():
            loss = forward(tensors)
            loss, first = loss if extra else (loss, loss)
            results = [first.detach(), *torch.autograd.grad(loss, leaves)]
            torch_waits()
            return results

        return arrays_of(names, call)

    return {"torch eager": partial(build, compiled=False), "torch.compile": partial(build, compiled=True)}


def torch_function(make, names):
    """PyTorch, eager and compiled: `make(tensors)` gives a function of no arguments."""
    def build(data, compiled):
        import torch

        run = make(torch_tensors(data, ()))
        run = torch.compile(run) if compiled else run
        return arrays_of(names, lambda: (run(), torch_waits())[0])

    return {"torch eager": partial(build, compiled=False), "torch.compile": partial(build, compiled=True)}


def jax_arrays(data):
    import jax

    if any(a.dtype == np.float64 for a in data.values() if isinstance(a, np.ndarray)):
        jax.config.update("jax_enable_x64", True)
    if on_gpu():  # as PyTorch and cuBLAS do: no TF32 behind float32
        jax.config.update("jax_default_matmul_precision", "float32")
    return {name: jax.device_put(a) for name, a in data.items() if isinstance(a, np.ndarray)}


def jax_function(make, names):
    """JAX: `make(data)` gives a function of the arrays by name; it is compiled."""
    def build(data):
        import jax

        arrays = jax_arrays(data)
        run = jax.jit(make(data))
        return arrays_of(names, lambda: jax.block_until_ready(run(arrays)))

    return {"jax.jit": build}


def jax_gradients(value, wanted, names, extra=False):
    """JAX: value(arrays) and its gradients."""
    def make(data):
        import jax

        def run(arrays):
            chosen = {name: arrays[name] for name in wanted}
            found, grads = jax.value_and_grad(lambda c: value({**arrays, **c}), has_aux=extra)(chosen)
            return [found[1] if extra else found, *(grads[name] for name in wanted)]

        return run

    return jax_function(make, names)
