"""Tensors through an ONNX file and onnxruntime, beside what `sg.function` gives.

Where onnxruntime is not installed, ONNX's own evaluator in Python, which is its definition, computes the file.
"""

import numpy as np
from onnx import checker, load
from onnx.helper import tensor_dtype_to_np_dtype
from onnx.reference import ReferenceEvaluator

import symgrad as sg

try:
    import onnxruntime
except ImportError:
    onnxruntime = None


def through_onnx(outputs, arrays, path, values=None, dtype="float32"):
    """The outputs by name as others compute them from the file."""
    sg.to_onnx(outputs, path, values, dtype)
    return computed(load(path), arrays)


def computed(model, arrays):
    """The outputs of a model of ONNX by name."""
    if onnxruntime is None:
        checker.check_model(model, full_check=True)
        run = ReferenceEvaluator(model).run
    else:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        run = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]).run
    numbers = {each.name for each in model.graph.initializer}
    feeds = {each.name: np.asarray(arrays[each.name]).astype(tensor_dtype_to_np_dtype(each.type.tensor_type.elem_type))
             for each in model.graph.input if each.name not in numbers}
    with np.errstate(all="ignore"):
        return dict(zip([each.name for each in model.graph.output], run(None, feeds), strict=True))


def ours(outputs, arrays):
    """The same by `sg.function`, in float64."""
    symbols = {t.name: t for t in arrays}
    return sg.function(symbols, outputs)(**{t.name: array for t, array in arrays.items()})


def with_gradients(y, at):
    """A tensor, and the gradients of a number made of it by its real symbols."""
    square = sg.sum(y * y) if y.dtype == "real" else None
    real = [t for t in at if t.dtype == "real"]
    outputs = {"value": y}
    if square is not None and real:
        closed = square if square.over is None else sg.mean(square, over=square.over)
        outputs["number"] = closed
        for t, g in zip(real, sg.gradient(closed, real), strict=True):
            outputs[f"gradient {t.name}"] = g
    return outputs
