"""Special functions that libm lacks, in C: the approximations of `python/special.py`. `@` ends a name of libm.

What runs in loops has no branches, so that compilers use vectors; digamma and its derivatives are computed in double.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

TAIL = """\
static inline real erfc_tail(real x) { /* exp(x^2) erfc(x) for x >= 0.46875: Cody (1969) */
  const real z = x < 4 ? x : 4;
  real p = (real)2.15311535474403846e-8 * z, q = z;
  p = (p + (real)0.564188496988670089) * z, q = (q + (real)15.7449261107098347) * z;
  p = (p + (real)8.88314979438837594) * z, q = (q + (real)117.693950891312499) * z;
  p = (p + (real)66.1191906371416295) * z, q = (q + (real)537.181101862009858) * z;
  p = (p + (real)298.635138197400131) * z, q = (q + (real)1621.38957456669019) * z;
  p = (p + (real)881.952221241769090) * z, q = (q + (real)3290.79923573345963) * z;
  p = (p + (real)1712.04761263407058) * z, q = (q + (real)4362.61909014324716) * z;
  p = (p + (real)2051.07837782607147) * z, q = (q + (real)3439.36767414372164) * z;
  const real near = (p + (real)1230.33935479799725) / (q + (real)1230.33935480374942);
  const real y = x < 4 ? 4 : x, w = 1 / y / y;
  p = (real)0.0163153871373020978 * w, q = w;
  p = (p + (real)0.305326634961232344) * w, q = (q + (real)2.56852019228982242) * w;
  p = (p + (real)0.360344899949804439) * w, q = (q + (real)1.87295284992346725) * w;
  p = (p + (real)0.125781726111229246) * w, q = (q + (real)0.527905102951428412) * w;
  p = (p + (real)0.0160837851487422766) * w, q = (q + (real)0.0605183413124413191) * w;
  const real far = w * (p + (real)6.58749161529837803e-4) / (q + (real)2.33520497626869185e-3);
  return x < 4 ? near : ((real)0.564189583547756287 - far) / y;
}"""

SQUARED = """\
static inline real exp_square(real y, real by) { /* exp(by y^2), without rounding the square */
  const real s = floor@(16 * y) / 16;
  return exp@(by * (s * s)) * exp@(by * ((y - s) * (y + s)));
}"""

NDTR = """\
static inline real ndtr(real x) { /* the normal distribution function */
  const real root = (real)0.70710678118654752, a = fabs@(x), y = a > 40 ? 40 : a, z = root * y;
  const real far = (real)0.5 * exp_square(y, (real)-0.5) * erfc_tail(z > (real)0.46875 ? z : (real)0.46875);
  const real near = (real)0.5 + (real)0.5 * erf@(root * x);
  return y < (real)0.6629 ? near : x < 0 ? far : 1 - far;
}"""

ERFCX = """\
static inline real erfcx(real x) { /* exp(x^2) erfc(x), without overflow where x > 0 */
  const real edge = (real)0.46875, y = x > edge ? edge : x, a = fabs@(y);
  return x > edge ? erfc_tail(x) : exp_square(a > 30 ? 30 : a, 1) * erfc@(y);
}"""

LOG_NDTR = """\
static inline real log_ndtr(real x) { /* the logarithm of the normal distribution function, in both tails */
  if (x < 0) return log@((real)0.5 * erfcx(-(real)0.70710678118654752 * x)) - (real)0.5 * x * x;
  return log1p@(-ndtr(-x));
}"""

HAZARD = """\
static inline real hazard(real x) { /* the density of the normal distribution over its distribution function */
  const real y = x < 0 ? 0 : x > 40 ? 40 : x;
  return x < 0 ? (real)0.79788456080286536 / erfcx(-(real)0.70710678118654752 * x)
               : (real)0.398942280401432678 * exp_square(y, (real)-0.5) / ndtr(y);
}"""

POLYGAMMA = """\
static real polygamma(int n, double x) { /* the derivative of order n + 1 of log gamma */
  static const double bernoulli[] = {1. / 6, -1. / 30, 1. / 42, -1. / 30, 5. / 66, -691. / 2730, 7. / 6, -3617. / 510};
  const int mirrored = x < 0 && n < 2;
  double t = mirrored ? 1 - x : x > -1e5 ? x : NAN, total = 0, one = 1, ratio = 1, tail = 0;
  for (int k = 2; k <= n; k++) one *= k;
  for (; t < 12 + n; t += 1) total += one / pow(t, n + 1);
  total += one / (2 * pow(t, n + 1));
  ratio = n ? one / n : 1; /* (2 k + n - 1)! / (2 k)! */
  for (int k = 1; k <= 8; k++) {
    ratio *= k == 1 && !n ? 0.5 : (2. * k + n - 1) * (2. * k + n - 2) / ((2. * k) * (2. * k - 1));
    tail += bernoulli[k - 1] * ratio / pow(t, 2 * k + n);
  }
  double value = n ? total + tail + one / n / pow(t, n) : log(t) - (total + tail);
  if (n && n % 2 == 0) value = -value;
  const double pi = 3.14159265358979324, r = pi * (x - rint(x));
  if (mirrored) value = n ? pi * pi / (sin(r) * sin(r)) - value : r == 0 ? NAN : value - pi / tan(r);
  return (real)value;
}"""

DIGAMMA = "static inline real digamma(real x) { return polygamma(0, x); }"

ERFINV_NEAR = (  # numerator and denominator, highest power first: Wichura (1988), near 0
    (2509.0809287301227, 5226.495278852854), (33430.57558358813, 28729.085735721943),
    (67265.7709270087, 39307.89580009271), (45921.95393154987, 21213.794301586597),
    (13731.69376550946, 5394.196021424751), (1971.5909503065513, 687.1870074920579),
    (133.14166789178438, 42.31333070160091), (3.3871328727963665, 1.0),
)
ERFINV_TAIL = (  # in the tails
    (0.0007745450142783414, 1.0507500716444169e-09), (0.022723844989269184, 0.0005475938084995345),
    (0.2417807251774506, 0.015198666563616457), (1.2704582524523684, 0.14810397642748008),
    (3.6478483247632045, 0.6897673349851), (5.769497221460691, 1.6763848301838038),
    (4.630337846156546, 2.053191626637759), (1.4234371107496835, 1.0),
)
ERFINV_FAR = (  # and far out
    (2.0103343992922881e-07, 2.0442631033899397e-15), (2.7115555687434876e-05, 1.421511758316446e-07),
    (0.0012426609473880784, 1.8463183175100548e-05), (0.026532189526576124, 0.0007868691311456133),
    (0.29656057182850487, 0.014875361290850615), (1.7848265399172913, 0.1369298809227358),
    (5.463784911164114, 0.599832206555888), (6.657904643501103, 1.0),
)


def _quotient(x: str, rows: Sequence[tuple[float, float]]) -> str:
    """Two polynomials in x by Horner's rule, side by side: p, and q behind it."""
    (p, q), *rest = rows
    lines = [f"  real p{x} = (real){p}, q{x} = (real){q};"]
    lines += [f"  p{x} = p{x} * {x} + (real){p}, q{x} = q{x} * {x} + (real){q};" for p, q in rest]
    return "\n".join(lines)


ERFINV = f"""\
static inline real erfinv(real x) {{ /* the inverse of the error function: Wichura (1988) */
  const real a = fabs@(x), c = a < (real)0.85 ? a : (real)0.85, r = (real)0.180625 - c * c / 4;
{_quotient("r", ERFINV_NEAR)}
  const real s = sqrt@(-log@((1 - (a > (real)0.85 ? a : (real)0.85)) / 2)), t = (s < 5 ? s : 5) - (real)1.6;
{_quotient("t", ERFINV_TAIL)}
  const real u = (s < 5 ? 5 : s > 27 ? 27 : s) - 5;
{_quotient("u", ERFINV_FAR)}
  const real tail = a < 1 ? (s > 5 ? pu / qu : pt / qt) : a == 1 ? INFINITY : a * 0 + NAN;
  return (real)0.70710678118654752 * (a <= (real)0.85 ? pr / qr * (x / 2) : copysign@(tail, x));
}}"""

SINC_DERIVATIVE = """\
static real sinc_derivative(int n, double x) { /* of order n, of sin(pi x) / (pi x): near 0 a series, else by recurrence */
  const double pi = 3.14159265358979324, u = pi * x, edge = 2 + n / 2.;
  double value = 0;
  if (fabs(u) <= edge) {
    const int first = (n + 1) / 2;
    for (int k = first + 16 + n; k >= first; k--) {
      double term = 1. / (2 * k + 1);
      for (int j = 2; j <= 2 * k - n; j++) term /= j;
      value = value * u * u + (k % 2 ? -term : term);
    }
    if (n % 2) value *= u;
  } else if (fabs(x) < INFINITY) {
    const double whole = rint(x), r = pi * (x - whole), sign = fmod(whole, 2) != 0 ? -1 : 1;
    const double turns[] = {sign * sin(r), sign * cos(r), -sign * sin(r), -sign * cos(r)};
    value = turns[0] / u;
    for (int k = 1; k <= n; k++) value = (turns[k % 4] - k * value) / u;
  } else value = 0 / fabs(x);
  return (real)(pow(pi, n) * value);
}"""

SINC = "static inline real sinc(real x) { return sinc_derivative(0, x); }"

SPECIAL: Mapping[str, str] = MappingProxyType({
    "erfc_tail": TAIL, "exp_square": SQUARED, "ndtr": NDTR, "erfcx": ERFCX, "log_ndtr": LOG_NDTR, "hazard": HAZARD,
    "polygamma": POLYGAMMA, "digamma": DIGAMMA,
    "erfinv": ERFINV, "sinc_derivative": SINC_DERIVATIVE, "sinc": SINC})
USES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "ndtr": ("exp", "erf", "exp_square", "erfc_tail"), "erfcx": ("exp", "exp_square", "erfc_tail"),
    "log_ndtr": ("exp", "erf", "log", "log1p", "exp_square", "erfc_tail", "ndtr", "erfcx"), "digamma": ("polygamma",),
    "sinc": ("sinc_derivative",),
    "erfinv": ("log", "sqrt"),
    "hazard": ("exp", "erf", "exp_square", "erfc_tail", "ndtr", "erfcx")})
