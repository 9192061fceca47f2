"""The vocabulary of formulas in words: how functions, relations and numbers are called in a class room.

A function that is not here is called by its own name; nothing depends on its being here.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ENTRYWISE: Mapping[str, str] = MappingProxyType({  # functions of numbers
    "exp": "the exponential", "log": "the logarithm", "sin": "the sine", "cos": "the cosine", "tan": "the tangent",
    "sinh": "the hyperbolic sine", "cosh": "the hyperbolic cosine", "arctan": "the arctangent",
    "arcsin": "the arcsine", "arccos": "the arccosine", "sigmoid": "the sigmoid", "σ": "the sigmoid",
    "softplus": "the softplus",
    "relu": "the positive part", "sign": "the sign", "erf": "the error function", "gamma": "the gamma function",
    "digamma": "the digamma function", "log2": "the binary logarithm", "log10": "the decimal logarithm",
    "arcsinh": "the inverse hyperbolic sine", "arccosh": "the inverse hyperbolic cosine", "sinc": "the cardinal sine",
    "arctanh": "the inverse hyperbolic tangent", "erfinv": "the inverse error function", "round": "the nearest integer",
    "erfc": "the complementary error function", "lgamma": "the logarithm of the gamma function",
    "polygamma": "the polygamma function", "wright_omega": "the Wright omega function", "arctan2": "the angle",
    "atan2": "the angle",
})
FORMS: Mapping[str, str] = MappingProxyType({  # functions of whole vectors and matrices
    "softmax": "the softmax", "diag": "the diagonal matrix", "diagonal": "the diagonal", "tr": "the trace",
    "det": "the determinant", "logdet": "the logarithm of the absolute determinant", "chol": "the Cholesky factor",
    "cof": "the matrix of cofactors", "cumsum": "the running sums", "tril": "the lower triangle",
    "triu": "the upper triangle", "onehot": "the one-hot vectors", "windows": "the sliding windows",
    "overlap": "the overlapping sum of the windows",
    "eigvalsh": "the eigenvalues", "eigvecs": "the eigenvectors", "svdvals": "the singular values",
    "svd": "the singular vectors", "qr": "the QR factor", "argsort": "the order",
    "concat": "the concatenation", "sum": "the sum of the entries",
    "mean": "the mean of the entries",
    "vec": "the column of all columns", "flatten": "the column of all entries", "ungroup": "the joined groups",
})
GEOMETRY: Mapping[str, str] = MappingProxyType({
    "s": "stride", "p": "padding", "o": "output padding", "d": "dilation", "g": "groups"})  # of windows
POOLS: Mapping[str, str] = MappingProxyType({  # functions of the windows of an image
    "maxpool": "the largest entries of {windows} of {image}", "avgpool": "the means of {windows} of {image}",
    "sumpool": "the sums of {windows} of {image}", "spread": "copies over {windows} of the entries of {image}",
    "argmaxpool": "the places of the largest entries of {windows} of {image}", "unpool": "{image} put back",
    "upsample": "{image} enlarged",
})
REDUCTIONS: Mapping[str, tuple[str, str]] = MappingProxyType({  # of everything; over a letter or along an axis
    "max": ("the largest entry", "the maximum"), "min": ("the smallest entry", "the minimum"),
    "argmax": ("the place of the largest entry", "the place of the maximum"),
    "argmin": ("the place of the smallest entry", "the place of the minimum"),
    "logsumexp": ("the logarithm of the sum of the exponentials of the entries",
                  "the logarithm of the sum of exponentials"),
    "prod": ("the product of the entries", "the product"),
})
RELATIONS: Mapping[str, str] = MappingProxyType({
    "<": "is less than", "≤": "is at most", ">": "is greater than", "≥": "is at least", "=": "equals",
    "≠": "differs from",
})
TIMES: Mapping[str, str] = MappingProxyType({"2": "twice", "1/2": "half of", "1/3": "a third of", "1/4": "a quarter of"})
DOTS = "terms that are left out here"
ENDINGS = {"1": "st", "2": "nd", "3": "rd"}


def ordinal(number: str) -> str:
    """A number as one counts.

    >>> [ordinal(n) for n in ("1", "2", "11", "23", "k")]
    ['1st', '2nd', '11th', '23rd', 'k-th']
    """
    if not number.isdigit():
        return f"{number}-th"
    return number + ("th" if number[-2:-1] == "1" else ENDINGS.get(number[-1], "th"))
