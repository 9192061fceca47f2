"""Tensors through an ONNX file and onnxruntime, beside what `sg.function` gives."""

import numpy as np
import onnxruntime

import symgrad as sg

KINDS = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(int64)": np.int64, "tensor(bool)": bool}


def through_onnx(outputs, arrays, path, values=None, dtype="float32"):
    """The outputs by name as onnxruntime computes them from the file."""
    sg.to_onnx(outputs, path, values, dtype)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    feeds = {entry.name: np.asarray(arrays[entry.name]).astype(KINDS[entry.type]) for entry in session.get_inputs()}
    return dict(zip([entry.name for entry in session.get_outputs()], session.run(None, feeds), strict=True))


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
