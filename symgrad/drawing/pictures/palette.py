"""How pictures look: colours on white paper and in dark mode, shapes, font sizes."""

from __future__ import annotations

from dataclasses import dataclass

BOX_SIZE, LABEL_SIZE, TITLE_SIZE, LEGEND_SIZE = 13.0, 10.5, 12.0, 10.0      # font sizes, in points
LABEL_MATH = 12.0          # formulas on arrows: their letters are smaller
PAD_X, PAD_Y = 11.0, 8.0                                # between a label and the outline of its box


@dataclass(frozen=True)
class Style:
    """How a kind of box is drawn; colours as (fill, outline), on white paper and in dark mode."""

    shape: str
    light: tuple[str, str]
    dark: tuple[str, str]
    rounded: bool = False
    dashed: bool = False
    backward: bool = False
    double: bool = False        # a second outline


_DATA = (("#dbeafe", "#1d4ed8"), ("#172554", "#60a5fa"))
_PARAMETER = (("#fef3c7", "#b45309"), ("#422006", "#f59e0b"))
_PLAIN = (("#ffffff", "#334155"), ("#1e293b", "#94a3b8"))
_CONSTANT = (("#f1f5f9", "#64748b"), ("#334155", "#94a3b8"))
_LOSS = (("#fee2e2", "#b91c1c"), ("#450a0a", "#f87171"))
_GRADIENT = (("#fff1f2", "#dc2626"), ("#3b1219", "#f87171"))

STYLES: dict[str, Style] = {
    "data": Style("box", *_DATA),
    "parameter": Style("ellipse", *_PARAMETER),
    "shared": Style("ellipse", *_PARAMETER, double=True),
    "constant": Style("box", *_CONSTANT),
    "operation": Style("box", *_PLAIN, rounded=True),
    "activation": Style("box", *_PLAIN, rounded=True),
    "loss": Style("octagon", *_LOSS),
    "gradient": Style("box", *_GRADIENT, rounded=True, dashed=True, backward=True),
    "parameter_gradient": Style("box", (_PARAMETER[0][0], "#dc2626"), (_PARAMETER[1][0], "#f87171"),
                                dashed=True, backward=True),
    "derivative": Style("box", (_PARAMETER[0][0], "#dc2626"), (_PARAMETER[1][0], "#f87171"),
                        dashed=True, backward=True),
    "layer": Style("box", ("#f8fafc", "#334155"), ("#1e293b", "#94a3b8"), rounded=True, double=True),
    "layer_gradients": Style("box", *_GRADIENT, rounded=True, backward=True, double=True),
}
LEGEND = {                              # what a sample of each kind says, in the order of the legend
    "data": "data", "parameter": "parameter", "shared": "shared parameter, at each use", "constant": "constant",
    "operation": "value", "layer": "folded layer", "loss": "loss", "output": "output", "gradient": "gradient",
    "layer_gradients": "folded gradients", "parameter_gradient": "gradient asked for", "derivative": "derivative",
    "forward": "forward", "returns": "to the next step", "backward": "backward", "into": "into a derivative",
}
CLUSTER = Style("box", ("#f8fafc", "#cbd5e1"), ("#162033", "#334155"), rounded=True)
INK = ("#0f172a", "#e2e8f0")            # texts in boxes; here and below: on white paper, in dark mode
MUTED = ("#5b6b82", "#94a3b8")          # texts on arrows
TITLE = ("#475569", "#cbd5e1")          # titles of clusters
FORWARD = ("#475569", "#94a3b8")
BACKWARD = ("#dc2626", "#f87171")
PAPER = ("#ffffff", "#0f172a")
