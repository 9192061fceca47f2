"""Special functions that NumPy lacks, as text; emitted into a module where they are used. In tests, 4 ulp in float64.

The inverse error function after M. J. Wichura, Algorithm AS 241, Applied Statistics 37 (1988), whose tails take 1 - |x|.

The complementary error function after W. J. Cody, Rational Chebyshev approximation for the error function, Math. Comp.
23 (1969), with exp(-y^2) as exp(-s^2) exp(-(y - s)(y + s)), where s has few digits and its square is exact. So are the
normal distribution function, whose argument is not divided by the root of 2 before it is squared, and its logarithm.

log |gamma| by the series in zeta(k) - 1 about 2, to which recurrence leads from below 10, and Stirling's series beyond
(Abramowitz and Stegun, 6.1); polygamma by recurrence and the asymptotic series (6.3, 6.4). Left of 0 the logarithm and
the digamma function are reflected, and lose digits near their zeros, as the digamma function does near 1.46.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

TAIL = '''\
def _erfc_tail(y):
    """exp(y^2) erfc(y) for y >= 0.46875, by the rational approximations of Cody (1969)."""
    z = np.minimum(y, 4.0)
    p, q = 2.15311535474403846e-8 * z, z
    for a, b in (
        (0.564188496988670089, 15.7449261107098347),
        (8.88314979438837594, 117.693950891312499),
        (66.1191906371416295, 537.181101862009858),
        (298.635138197400131, 1621.38957456669019),
        (881.952221241769090, 3290.79923573345963),
        (1712.04761263407058, 4362.61909014324716),
        (2051.07837782607147, 3439.36767414372164),
    ):
        p, q = (p + a) * z, (q + b) * z
    near = (p + 1230.33935479799725) / (q + 1230.33935480374942)
    y = np.maximum(y, 4.0)
    z = 1 / y / y
    p, q = 0.0163153871373020978 * z, z
    for a, b in (
        (0.305326634961232344, 2.56852019228982242),
        (0.360344899949804439, 1.87295284992346725),
        (0.125781726111229246, 0.527905102951428412),
        (0.0160837851487422766, 0.0605183413124413191),
    ):
        p, q = (p + a) * z, (q + b) * z
    far = z * (p + 6.58749161529837803e-4) / (q + 2.33520497626869185e-3)
    return np.where(z < 0.0625, (0.564189583547756287 - far) / y, near)
'''

SQUARED = '''\
def _exp_square(y, by):
    """exp(by y^2), without rounding the square."""
    s = np.floor(16 * y) / 16
    return np.exp(by * (s * s)) * np.exp(by * ((y - s) * (y + s)))
'''

ERFC = '''\
def _erfc(x):
    """1 - erf(x), without cancellation."""
    y = np.minimum(np.maximum(np.abs(x), 0.46875), 30.0)
    far = _exp_square(y, -1.0) * _erfc_tail(y)
    return np.where(np.abs(x) <= 0.46875, 1 - _erf(x), np.where(x < 0, 2 - far, far))
'''

ERFCX = '''\
def _erfcx(x):
    """exp(x^2) erfc(x), without overflow where x > 0."""
    y = np.minimum(x, 0.46875)
    near = _exp_square(np.minimum(np.abs(y), 30.0), 1.0) * _erfc(y)
    return np.where(x > 0.46875, _erfc_tail(np.maximum(x, 0.46875)), near)
'''

NDTR = '''\
def _ndtr(x):
    """The normal distribution function."""
    y = np.minimum(np.abs(x), 40.0)
    far = 0.5 * _exp_square(y, -0.5) * _erfc_tail(np.maximum(y / 2**0.5, 0.46875))
    return np.where(y < 0.6629, 0.5 + 0.5 * _erf(x / 2**0.5), np.where(x < 0, far, 1 - far))
'''

LOG_NDTR = '''\
def _log_ndtr(x):
    """The logarithm of the normal distribution function, in both tails."""
    low = np.log(0.5 * _erfcx(np.maximum(-x, 0) / 2**0.5)) - 0.5 * x * x
    return np.where(x < 0, low, np.log1p(-_ndtr(-np.maximum(x, 0))))
'''

HAZARD = '''\
def _hazard(x):
    """The density of the normal distribution over its distribution function."""
    low = 0.79788456080286536 / _erfcx(np.maximum(-x, 0) / 2**0.5)
    y = np.minimum(np.maximum(x, 0), 40.0)
    return np.where(x < 0, low, 0.398942280401432678 * _exp_square(y, -0.5) / _ndtr(y))
'''

CUPY_HAZARD = '''\
def _hazard(x):
    """The density of the normal distribution over its distribution function."""
    return np.exp(-0.918938533204672742 - 0.5 * x * x - cupyx.scipy.special.log_ndtr(x))
'''

LGAMMA = '''\
def _lgamma(x):
    """log |gamma(x)|."""
    z = np.where(x < 0, 1 - x, x + 0)  # -0 is 0
    t, product = np.minimum(z, 10.0), np.ones_like(z)
    for _ in range(8):
        above = t > 2.5
        t = np.where(above, t - 1, t)
        product = np.where(above, product * t, product)
    low = t < 0.5
    product = np.where(low, product / t, product)
    t = np.where(low, t + 1, t)
    one = t < 1.5
    u = np.where(one, t - 1, t - 2)
    series = np.zeros_like(u)
    for c in (
        {zeta},
    ):
        series = (series + c) * u
    near = series - np.log1p(np.where(one, u, 0)) + np.log(product)
    y = np.maximum(z, 10.0)
    w, tail = 1 / y / y, np.zeros_like(y)
    for c in (
        {stirling},
    ):
        tail = tail * w + c
    far = (y - 0.5) * (np.log(y) - 1) + (tail / y + 0.418938533204672742)
    value = np.where(z < 10, near, np.where(y < np.inf, far, y))
    r = x - np.round(x)
    mirrored = np.log(np.pi / np.abs(np.sin(np.pi * r))) - value
    return np.where(x < 0, mirrored, value)
'''

POLYGAMMA = '''\
def _polygamma(n, x):
    """The derivative of order n + 1 of log gamma."""
    one, mirrored = float(np.arange(1.0, n + 1).prod()), (x < 0) & (n < 2)
    t, total = np.where(mirrored, 1 - x, np.where(x > -1e5, x, np.nan)), np.zeros_like(x)
    while (t < 12 + n).any():
        low = t < 12 + n
        total = np.where(low, total + one / t ** (n + 1), total)
        t = np.where(low, t + 1, t)
    total += one / (2 * t ** (n + 1))
    ratio, term, tail = one / n if n else 1.0, 1 / t**n, np.zeros_like(t)  # ratio: (2 k + n - 1)! / (2 k)!
    for k, b in enumerate((1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510), 1):
        ratio *= (2 * k + n - 1) * (2 * k + n - 2) / (2 * k * (2 * k - 1)) if k + n > 1 else 0.5
        term = term / t / t
        tail = tail + b * ratio * term
    if n:
        value = (-1) ** (n + 1) * (total + tail + one / n / t**n)
    else:
        value = np.log(t) - (total + tail)
    if n < 2:
        r = np.pi * (x - np.round(x))
        shift = (np.pi / np.sin(r)) ** 2 if n else -np.pi / np.tan(np.where(r == 0, np.nan, r))  # no side at a pole
        value = np.where(mirrored, shift - value if n else shift + value, value)
    return value
'''

DIGAMMA = '''\
def _digamma(x):
    """The derivative of log gamma."""
    return _polygamma(0, x)
'''

ERFINV = '''\
def _erfinv(x):
    """The inverse of the error function, by the rational approximations of Wichura (1988)."""
    a = np.abs(x)
    r = 0.180625 - np.minimum(a, 0.85) ** 2 / 4
    p, q = np.full_like(r, 2509.0809287301227), np.full_like(r, 5226.495278852854)
    for m, n in (
        (33430.57558358813, 28729.085735721943),
        (67265.7709270087, 39307.89580009271),
        (45921.95393154987, 21213.794301586597),
        (13731.69376550946, 5394.196021424751),
        (1971.5909503065513, 687.1870074920579),
        (133.14166789178438, 42.31333070160091),
        (3.3871328727963665, 1.0),
    ):
        p, q = p * r + m, q * r + n
    near = p / q * (x / 2)
    s = np.sqrt(-np.log((1 - np.maximum(a, 0.85)) / 2))
    r = np.minimum(s, 5.0) - 1.6
    p, q = np.full_like(r, 0.0007745450142783414), np.full_like(r, 1.0507500716444169e-09)
    for m, n in (
        (0.022723844989269184, 0.0005475938084995345),
        (0.2417807251774506, 0.015198666563616457),
        (1.2704582524523684, 0.14810397642748008),
        (3.6478483247632045, 0.6897673349851),
        (5.769497221460691, 1.6763848301838038),
        (4.630337846156546, 2.053191626637759),
        (1.4234371107496835, 1.0),
    ):
        p, q = p * r + m, q * r + n
    tail = p / q
    r = np.minimum(np.maximum(s, 5.0), 27.0) - 5.0  # s is infinite where x is 1, and no number beyond
    p, q = np.full_like(r, 2.0103343992922881e-07), np.full_like(r, 2.0442631033899397e-15)
    for m, n in (
        (2.7115555687434876e-05, 1.421511758316446e-07),
        (0.0012426609473880784, 1.8463183175100548e-05),
        (0.026532189526576124, 0.0007868691311456133),
        (0.29656057182850487, 0.014875361290850615),
        (1.7848265399172913, 0.1369298809227358),
        (5.463784911164114, 0.599832206555888),
        (6.657904643501103, 1.0),
    ):
        p, q = p * r + m, q * r + n
    tail = np.where(a == 1, s, np.where(s > 5, p / q, tail))
    return np.where(a <= 0.85, near, np.copysign(tail, x)) * 0.70710678118654752
'''

SINC = '''\
def _sinc(x):
    """sin(pi x) / (pi x), 1 at 0."""
    return _sinc_derivative(0, x)
'''

SINC_DERIVATIVE = '''\
def _sinc_derivative(n, x):
    """The derivative of order n of sin(pi x) / (pi x): its series near 0, else by recurrence from order 0."""
    pi, edge = 3.14159265358979324, 2 + n / 2
    u = pi * x
    z = np.minimum(np.abs(u), edge) ** 2
    first, near = (n + 1) // 2, np.zeros_like(u)
    for k in range(first + 16 + n, first - 1, -1):
        term = (-1) ** k / (2 * k + 1)
        for j in range(2, 2 * k - n + 1):
            term /= j
        near = near * z + term
    near = near * u if n % 2 else near
    whole = np.rint(x)
    sign = 1 - 2 * np.abs(whole - 2 * np.floor(whole / 2))
    sine, cosine = sign * np.sin(pi * (x - whole)), sign * np.cos(pi * (x - whole))
    v = np.where(np.abs(u) > edge, u, edge)
    far = sine / v
    for k in range(1, n + 1):
        far = ((sine, cosine, -sine, -cosine)[k % 4] - k * far) / v
    far = np.where(np.isinf(x), 1 / x, far)
    return pi**n * np.where(np.abs(u) > edge, far, near)
'''

# (-1)^k (zeta(k) - 1) / k, highest first, and 1 - Euler's constant.
ZETA = (
    3.1044247747322276e-11, -6.4229645638381e-11, 1.330476437424449e-10, -2.7595228851242334e-10,
    5.731367241678862e-10, -1.1921401405860912e-09, 2.4836745438024785e-09, -5.183475041970047e-09,
    1.0838659214896955e-08, -2.2711094608943164e-08, 4.7698101693639804e-08, -1.0043224823968099e-07,
    2.1207184805554665e-07, -4.492469198764566e-07, 9.55141213040742e-07, -2.039215753801366e-06,
    4.374866789907488e-06, -9.439488275268397e-06, 2.050721277567069e-05, -4.492623673813314e-05,
    9.945751278180853e-05, -0.00022315475845357939, 0.0005096695247430425, -0.001192753911703261,
    0.0028905103307415234, -0.007385551028673986, 0.020580808427784546, -0.0673523010531981,
    0.3224670334241132, 0.42278433509846713)
STIRLING = (-1.39243221690590112, 0.179644372368830573, -0.0295506535947712418, 0.00641025641025641026,
            -0.00191752691752691753, 0.000841750841750841751, -0.000595238095238095238, 0.000793650793650793651,
            -0.00277777777777777778, 0.0833333333333333333)


def _lines(numbers: tuple[float, ...]) -> str:
    return ",\n        ".join(map(repr, numbers))


SPECIAL: Mapping[str, str] = MappingProxyType({
    "exp_square": SQUARED, "erfc_tail": TAIL, "erfc": ERFC, "erfcx": ERFCX, "ndtr": NDTR, "log_ndtr": LOG_NDTR,
    "hazard": HAZARD, "lgamma": LGAMMA.format(zeta=_lines(ZETA), stirling=_lines(STIRLING)), "polygamma": POLYGAMMA,
    "digamma": DIGAMMA, "erfinv": ERFINV, "sinc": SINC, "sinc_derivative": SINC_DERIVATIVE})
USES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "erfc": ("erf", "exp_square", "erfc_tail"), "erfcx": ("erf", "exp_square", "erfc_tail", "erfc"),
    "ndtr": ("erf", "exp_square", "erfc_tail"), "digamma": ("polygamma",), "sinc": ("sinc_derivative",),
    "hazard": ("erf", "exp_square", "erfc_tail", "erfc", "erfcx", "ndtr"),
    "log_ndtr": ("erf", "exp_square", "erfc_tail", "erfc", "erfcx", "ndtr")})
CUPY_NAMES: Mapping[str, str] = MappingProxyType({
    name: f"cupyx.scipy.special.{ {'lgamma': 'gammaln'}.get(name, name)}"
    for name in ("erfc", "erfcx", "ndtr", "log_ndtr", "lgamma", "digamma", "erfinv")})
