"""The node tests that the package `onnx` brings along, each read, computed and compared.

    python tests/support/onnx_cases.py [part of a name ...]      prints passed / refused / wrong
"""

import collections
import sys
import warnings

import numpy as np

import symgrad as sg

SETTINGS = ("scales", "roi", "start", "limit", "delta", "size")  # real numbers of run time that say shapes


def cases():
    """(name, model, inputs, outputs, tolerances) of every node test."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = collect_testcases(None)
    for case in found:
        inputs, outputs = case.data_sets[0]
        yield case.name, case.model, inputs, outputs, case.rtol, case.atol


def judged(model, inputs, outputs, rtol, atol):
    """("passed" | "refused" | "wrong", why)"""
    given = dict(zip([entry.name for entry in model.graph.input], inputs))
    try:
        network = sg.from_onnx(model)
    except sg.SymgradError as error:
        whole = {name: value for name, value in given.items()
                 if isinstance(value, (np.ndarray, np.generic)) and value.ndim < 2 and (value.dtype.kind in "iub" or name in SETTINGS)}
        if "at run time only" not in str(error) or not whole:
            return "refused", str(error)
        try:
            network = sg.from_onnx(model, fixed=whole)
        except sg.SymgradError as again:
            return "refused", str(again)
    try:
        run = sg.function(network.inputs, network.outputs)
        with np.errstate(all="ignore"):
            found = run(**{name: given[name] for name in network.inputs})
    except (sg.SymgradError, TypeError) as error:
        return "refused", f"computing: {error}"
    for entry, wanted in zip(model.graph.output, outputs):
        if not entry.name:
            continue
        got = np.asarray(found[entry.name])
        if got.shape != np.shape(wanted):
            return "wrong", f"{entry.name}: shape {got.shape}, not {np.shape(wanted)}"
        rounded = np.finfo(np.float32).eps * float(np.abs(wanted).max(initial=0, where=np.isfinite(wanted))) if (
            np.asarray(wanted).dtype == np.float32) else 0  # a sum of large numbers that is small
        if not np.allclose(got.astype(float), np.asarray(wanted).astype(float), rtol, atol + rounded, equal_nan=True):
            return "wrong", f"{entry.name}: off by {np.abs(got.astype(float) - np.asarray(wanted).astype(float)).max()}"
    return "passed", ""


def table(parts=()):
    """The verdict on every node test whose name holds one of `parts` (all without): name -> (verdict, why, operators)."""
    found = {}
    for name, model, inputs, outputs, rtol, atol in cases():
        if not parts or any(part in name for part in parts):
            operators = sorted({node.op_type for node in model.graph.node})
            try:
                found[name] = (*judged(model, inputs, outputs, rtol, atol), operators)
            except Exception as error:  # a fault: as bad as a wrong number
                found[name] = "wrong", f"{type(error).__name__}: {error}", operators
    return found


if __name__ == "__main__":
    results = table(sys.argv[1:])
    counts = collections.Counter(verdict for verdict, *_ in results.values())
    for name, (verdict, why, _) in results.items():
        if verdict == "wrong" or (sys.argv[1:] and verdict == "refused"):
            print(f"{verdict:8} {name}: {why[:300]}")
    if not sys.argv[1:]:
        lost = collections.Counter("+".join(ops)[:60] if len(ops) < 3 else f"[{len(ops)} operators]"
                                   for verdict, _, ops in results.values() if verdict == "refused")
        print("refused:", ", ".join(f"{op} {count}" for op, count in lost.most_common()))
    print(dict(counts))
