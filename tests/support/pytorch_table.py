"""What PyTorch computes in float64, on numbers that a formula makes: values and gradients, kept beside as pytorch_values.json.

A row is a title, the operation here and there, and its operands: a shape, and a kind of numbers (real, positive, unit for
(0, 1), a count of classes for labels). Where PyTorch is installed, `python tests/support/pytorch_table.py` writes the file
again.
"""

import json
import math
from pathlib import Path

import numpy as np

FILE = Path(__file__).with_name("pytorch_values.json")
Z, ONE = {"z": ((5, 3), "real"), "t": ((5,), 3)}, {"x": ((3, 7), "real")}
PAIR, UNIT = {"p": ((3, 4), "real"), "t": ((3, 4), "real")}, {"p": ((3, 4), "unit"), "t": ((3, 4), "unit")}
IMAGE = {"x": ((2, 5, 4), "real")}
VOLUME = {"x": ((2, 3, 4, 5), "real")}


def activation(name, theirs=None, arguments=""):
    return (f"{name}{arguments and ', '}{arguments}", f"sg.{name}(x{arguments and ', '}{arguments})",
            f"F.{theirs or name}(x{arguments and ', '}{arguments})", ONE)


def loss(name, theirs, operands, arguments="", more=()):
    for reduction in ("mean", "sum", "none"):
        words = f"{arguments}{arguments and ', '}reduction={reduction!r}"
        own = ", ".join(operands)
        yield f"{name} {words}", f"sg.losses.{name}({own}, {words})", f"F.{theirs}({own}, {words})", operands


W = {**Z, "w": ((3,), "unit")}
ROWS = [
    *(activation(name) for name in ("relu6", "hardtanh", "hardsigmoid", "hardswish", "selu", "celu", "mish", "softsign", "logsigmoid",
                                    "tanhshrink", "softshrink", "hardshrink", "silu", "softplus", "elu", "gelu")),
    activation("gelu", arguments="approximate='tanh'"), activation("celu", arguments="alpha=0.7"), activation("hardtanh", arguments="min_val=-0.3, max_val=0.8"),
    ("softmin", "sg.softmin(x)", "F.softmin(x, dim=-1)", ONE), ("glu", "sg.glu(x, 0)", "F.glu(x, dim=0)", {"x": ((4, 3), "real")}),
    *loss("mse", "mse_loss", PAIR), *loss("mae", "l1_loss", PAIR), *loss("huber", "huber_loss", PAIR, "delta=0.7"),
    *loss("smooth_l1", "smooth_l1_loss", PAIR, "beta=0.4"), *loss("smooth_l1", "smooth_l1_loss", PAIR, "beta=0.0"),
    *loss("binary_cross_entropy", "binary_cross_entropy", UNIT),
    *loss("binary_cross_entropy_with_logits", "binary_cross_entropy_with_logits", {"p": ((3, 4), "real"), "t": ((3, 4), "unit")}),
    *((f"bce with weights {r}", f"sg.losses.binary_cross_entropy(p, t, weight=w, reduction={r!r})", f"F.binary_cross_entropy(p, t, weight=w, reduction={r!r})",
       {**UNIT, "w": ((4,), "unit")}) for r in ("mean", "sum", "none")),
    *((f"bce of logits with pos_weight {r}", f"sg.losses.binary_cross_entropy_with_logits(p, t, weight=v, pos_weight=w, reduction={r!r})",
       f"F.binary_cross_entropy_with_logits(p, t, weight=v, pos_weight=w, reduction={r!r})",
       {"p": ((3, 4), "real"), "t": ((3, 4), "unit"), "w": ((4,), "unit"), "v": ((3, 1), "unit")}) for r in ("mean", "sum", "none")),
    *loss("kl_divergence", "kl_div", {"p": ((3, 4), "real"), "t": ((3, 4), "unit")}),
    *loss("kl_divergence", "kl_div", PAIR, "log_target=True"),
    *loss("poisson_nll", "poisson_nll_loss", PAIR), *loss("poisson_nll", "poisson_nll_loss", UNIT, "log_input=False"),
    *((f"gaussian_nll {r}", f"sg.losses.gaussian_nll(p, t, v, full=True, reduction={r!r})", f"F.gaussian_nll_loss(p, t, v, full=True, reduction={r!r})",
       {**PAIR, "v": ((3, 4), "positive")}) for r in ("mean", "sum", "none")),
    *loss("cross_entropy", "cross_entropy", Z), *loss("cross_entropy", "cross_entropy", Z, "label_smoothing=0.15"),
    *loss("cross_entropy", "cross_entropy", Z, "ignore_index=1"), *loss("cross_entropy", "cross_entropy", Z, "ignore_index=2, label_smoothing=0.3"),
    *loss("nll", "nll_loss", Z), *loss("nll", "nll_loss", Z, "ignore_index=0"),
    *((f"{name} weighted {more} {r}", f"sg.losses.{name}(z, t, weight=w, {more}reduction={r!r})", f"F.{theirs}(z, t, weight=w, {more}reduction={r!r})", W)
      for name, theirs in (("cross_entropy", "cross_entropy"), ("nll", "nll_loss")) for r in ("mean", "sum", "none")
      for more in (["", "ignore_index=1, "] + ["label_smoothing=0.2, ", "ignore_index=0, label_smoothing=0.1, "] * (name == "cross_entropy"))),
    *((f"cross_entropy of distributions {more} {r}", f"sg.losses.cross_entropy(z, q, {more}reduction={r!r})", f"F.cross_entropy(z, q, {more}reduction={r!r})",
       {"z": ((5, 3), "real"), "q": ((5, 3), "unit"), "w": ((3,), "unit")}) for r in ("mean", "sum", "none")
      for more in ("", "weight=w, ", "label_smoothing=0.2, ", "weight=w, label_smoothing=0.2, ")),
    ("all labels ignored", "sg.losses.cross_entropy(z, sg.minimum(t, 0), ignore_index=0)", "F.cross_entropy(z, t.clamp(max=0), ignore_index=0)", Z),
    ("tokens with ignored ones", "sg.losses.cross_entropy(z, t, weight=w, ignore_index=1)", "F.cross_entropy(z.movedim(-1, 1), t, weight=w, ignore_index=1)",
     {"z": ((2, 5, 3), "real"), "t": ((2, 5), 3), "w": ((3,), "unit")}),
    ("cosine_similarity", "sg.cosine_similarity(p, t)", "F.cosine_similarity(p, t)", PAIR),
    ("cosine_similarity of axis 0", "sg.cosine_similarity(p, t, axis=0)", "F.cosine_similarity(p, t, dim=0)", PAIR),
    ("normalize", "sg.normalize(x, axis=0)", "F.normalize(x, dim=0)", ONE), ("normalize by sums", "sg.normalize(x, p=1)", "F.normalize(x, p=1, dim=-1)", ONE),
    *((f"pad {mode}", f"sg.pad(x, [(0, 0), (1, 2), (3, 0)], mode={mode!r})", f"F.pad(x, (3, 0, 1, 2), mode={mode!r})", IMAGE) for mode in ("reflect", "replicate", "circular")),
    ("pad with a number", "sg.pad(x, [(0, 0), (1, 2), (3, 0)], 2.5)", "F.pad(x, (3, 0, 1, 2), value=2.5)", IMAGE),
    *((f"interpolate {mode} to {size}", f"sg.interpolate(x, {size}, mode={mode!r})", f"F.interpolate(x[None], {size}, mode={mode!r})[0]", IMAGE)
      for mode in ("nearest", "nearest-exact", "bilinear", "area") for size in ((7, 9), (3, 2), (1, 4))),
    *((f"interpolate bilinear {more}", f"sg.interpolate(x, {more}, mode='bilinear', align_corners=True)", f"F.interpolate(x[None], {more}, mode='bilinear', align_corners=True)[0]",
       IMAGE) for more in ("(7, 9)", "(1, 1)", "scale_factor=2", "scale_factor=(1.7, 0.6)")),
    *((f"interpolate {mode} by {factor}", f"sg.interpolate(x, scale_factor={factor}, mode={mode!r})", f"F.interpolate(x[None], scale_factor={factor}, mode={mode!r})[0]", IMAGE)
      for mode in ("nearest", "nearest-exact", "bilinear") for factor in (2.0, (1.7, 0.6))),
    ("interpolate, factors recomputed", "sg.interpolate(x, scale_factor=1.7, mode='bilinear', recompute_scale_factor=True)",
     "F.interpolate(x[None], scale_factor=1.7, mode='bilinear', recompute_scale_factor=True)[0]", IMAGE),
    ("interpolate sequences", "sg.interpolate(x, 11, mode='linear')", "F.interpolate(x[None], 11, mode='linear')[0]", ONE),
    ("interpolate volumes", "sg.interpolate(x, (2, 5, 3), mode='trilinear')", "F.interpolate(x[None], (2, 5, 3), mode='trilinear')[0]", VOLUME),
    ("pixel_shuffle", "sg.pixel_shuffle(x, 2)", "F.pixel_shuffle(x, 2)", {"x": ((8, 2, 3), "real")}),
    ("pixel_unshuffle", "sg.pixel_unshuffle(x, 2)", "F.pixel_unshuffle(x, 2)", {"x": ((2, 4, 6), "real")}),
    ("conv3d", "sg.conv3d(x, K, b, stride=(1, 2, 1), padding=1)", "F.conv3d(x, K, b, stride=(1, 2, 1), padding=1)",
     {**VOLUME, "K": ((3, 2, 2, 3, 2), "real"), "b": ((3,), "real")}),
    ("conv_transpose1d", "sg.conv_transpose1d(x, K, b, stride=2, padding=1, output_padding=1)", "F.conv_transpose1d(x, K, b, stride=2, padding=1, output_padding=1)",
     {**ONE, "K": ((3, 2, 3), "real"), "b": ((2,), "real")}),
    ("max_pool1d", "sg.max_pool1d(x, 3, 2, 1)", "F.max_pool1d(x, 3, 2, 1)", ONE),
    ("max_pool3d", "sg.max_pool3d(x, 2, stride=(1, 2, 2), padding=1, ceil_mode=True)", "F.max_pool3d(x, 2, stride=(1, 2, 2), padding=1, ceil_mode=True)", VOLUME),
    ("avg_pool1d", "sg.avg_pool1d(x, 3, 2, 1)", "F.avg_pool1d(x, 3, 2, 1)", ONE),
    ("avg_pool3d", "sg.avg_pool3d(x, 2, stride=1, padding=1, count_include_pad=False)", "F.avg_pool3d(x, 2, stride=1, padding=1, count_include_pad=False)", VOLUME),
    ("adaptive_avg_pool1d", "sg.adaptive_avg_pool1d(x, 3)", "F.adaptive_avg_pool1d(x, 3)", ONE),
    ("rms_norm", "sg.rms_norm(x, 7, w, eps=0.01)", "F.rms_norm(x, (7,), w, eps=0.01)", {**ONE, "w": ((7,), "real")}),
    ("rms_norm of two axes", "sg.rms_norm(x, (5, 4))", "F.rms_norm(x, (5, 4))", IMAGE),
    ("sort", "sg.sort(x, 0)", "torch.sort(x, 0).values", ONE), ("topk", "sg.topk(x, 3)[0]", "torch.topk(x, 3).values", ONE),
    ("topk of the smallest", "sg.topk(x, 2, 0, largest=False)[0]", "torch.topk(x, 2, 0, largest=False).values", ONE),
    ("cumprod", "sg.cumprod(x)", "torch.cumprod(x, -1)", ONE), ("quantile", "sg.quantile(x, 0.35, 0)", "torch.quantile(x, 0.35, 0)", ONE),
    ("lower median", "sg.quantile(x, 0.5, 1, method='lower')", "torch.median(x, 1).values", {"x": ((3, 6), "real")}),
    ("gather", "sg.gather(x, 0, i)", "torch.gather(x, 0, i)", {**ONE, "i": ((5, 4), 3)}),
    ("scatter_add", "sg.scatter_add(x, 1, i, p)", "torch.scatter_add(x, 1, i, p)", {**ONE, "i": ((2, 5), 7), "p": ((2, 5), "real")}),
    ("eigvalsh", "sg.eigvalsh(x @ x.T)", "torch.linalg.eigvalsh(x @ x.T)", ONE),
    ("projection on an eigenvector", "sg.outer(sg.eigh(x @ x.T)[1][:, 1], sg.eigh(x @ x.T)[1][:, 1])",
     "torch.outer(torch.linalg.eigh(x @ x.T)[1][:, 1], torch.linalg.eigh(x @ x.T)[1][:, 1])", ONE),
    ("svdvals", "sg.svdvals(x)", "torch.linalg.svdvals(x)", ONE), ("pinv", "sg.pinv(x)", "torch.linalg.pinv(x)", ONE),
    ("qr", "sg.qr(x.T)[1]", "torch.linalg.qr(x.T)[1]", ONE),
    ("instance_norm", "sg.instance_norm(x, weight=w, bias=b)", "F.instance_norm(x, weight=w, bias=b)", {"x": ((2, 3, 5), "real"), "w": ((3,), "real"), "b": ((3,), "real")}),
]


def array(kind, shape, number):
    """Numbers without ties or zeros, the same everywhere."""
    count = math.prod(shape)
    values = np.cos(1.7 * np.arange(1, count + 1) + 0.6 * number) * 1.4 + 0.013 * np.arange(count) / max(count, 1)
    if isinstance(kind, int):
        return (np.arange(count) * 7 // 3 % kind).reshape(shape)
    return {"real": values, "positive": 1.6 + values, "unit": 0.5 + values / 3.2}[kind].reshape(shape)


def operands(row):
    return {name: array(kind, shape, place) for place, (name, (shape, kind)) in enumerate(row[3].items())}


def variables(row):
    """The operands that gradients are asked for."""
    return [name for name in row[3] if name in "xpzKb" or (name == "w" and "losses" not in row[1])]


def cotangent(shape):
    return array("real", shape, 5) if shape else np.float64(1)


def main():
    import torch
    import torch.nn.functional as F  # noqa: F401 - rows call it

    found = {}
    for row in ROWS:
        given = {name: torch.tensor(value, requires_grad=name in variables(row)) for name, value in operands(row).items()}
        y = eval(row[2], {"F": F, "torch": torch, **given})
        gradients = torch.autograd.grad((y * torch.tensor(cotangent(tuple(y.shape)))).sum(), [given[name] for name in variables(row)])
        found[row[0]] = [list(y.shape), y.detach().flatten().tolist(), *(g.flatten().tolist() for g in gradients)]
    assert len(found) == len(ROWS), "two rows of one title"
    rounded = json.loads(json.dumps(found), parse_float=lambda text: float(f"{float(text):.12g}"))
    FILE.write_text("{\n" + ",\n".join(f'"{title}": {json.dumps(row)}' for title, row in rounded.items()) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
