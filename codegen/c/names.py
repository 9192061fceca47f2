"""Names in generated C: those of the formulas, but for what means something there already.

What a C compiler reads as another word is of four kinds, and each is listed whole: keywords (of C, and of GNU C, which
`cc` speaks unless it is told otherwise), macros of the four headers that are included, macros that compilers predefine
without an underscore, and the words of our own texts. Names that begin with an underscore belong to the compiler. Such a
name gets an underscore behind it, in all other names nothing changes; beside `name` nothing is called `name_`, as the
variables in loops are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from symgrad.codegen.c import runtime as c_runtime
from symgrad.codegen.c.texts import LIBM
from symgrad.codegen.python.identifiers import Identifiers, identifier

RUNTIME = ("C", "_c", *(name for name in vars(c_runtime) if not name.startswith("__")))  # of the Python around it
KEYWORDS = frozenset(
    "alignas alignof asm auto bool break case char const constexpr continue default do double else enum extern false float "
    "for fortran goto if inline int long nullptr register restrict return short signed sizeof static static_assert struct "
    "switch thread_local true typedef typeof typeof_unqual union unsigned void volatile while complex imaginary noreturn "
    "near far huge vector pixel".split())
PREDEFINED = frozenset("linux unix i386 i486 i586 i686 arm mips sparc sun sgi vax hpux m68k pdp11 ppc ultrix MIPSEL MIPSEB "
                       "PPC WIN32 WIN64 WINNT".split())
MACROS = re.compile(  # of math, stdint, stdlib, string, pthread, sched, unistd, whichever standard is asked for
    "M_.*|HUGE.*|MAXFLOAT|NAN|INFINITY|SNAN.*|DEC_.*|FP_.*|MATH_.*|DOMAIN|SING|OVERFLOW|UNDERFLOW|[PT]LOSS|X_TLOSS|TRUE|FALSE"
    "|U?INT(_LEAST|_FAST)?\\d+_.*|U?INT(MAX|PTR)_.*|(PTRDIFF|SIG_ATOMIC|SIZE|RSIZE|WCHAR|WINT)_.*|NULL|EXIT_.*|RAND_.*|MB_.*"
    "|BYTE_ORDER|.*_ENDIAN|FD_.*|NFDBITS|W[A-Z]{4,}|BIT_.*|CHAR_BIT|EOF|math_errhandling|signgam|environ|errno|alloca|strn?dupa"
    "|fpclassify|signbit|is(canonical|eqsig|finite|greater|greaterequal|inf|less|lessequal|lessgreater|nan|normal|signaling"
    "|subnormal|unordered|zero)|(be|le)\\d+toh|hto[bl]e\\d+"
    "|(ADJ|CLOCKS?|CLONE|CLOSE|CPU|MOD|PTHREAD|SCHED|SEEK|STA|TIMER?)_[A-Z_]+|F_(OK|TEST|[TU]?LOCK)|L_(SET|INCR|XTND)|[RWX]_OK"
    "|STD(IN|OUT|ERR)_FILENO|CSIGNAL|TEMP_FAILURE_RETRY|pthread_.*|sched_.*")
# Counters, the variables of loops, types, functions that are called or defined.
OWN = frozenset(
    "real int64_t uint8_t size_t i j k l p q r s at size first last best next total work given kind bind gemv gemv_ "
    "main solve determinant cholesky columns factored substituted pivot getrf_ getrs_ potrf_ bind_lapack CHECKED NEST "
    "malloc calloc free REAL DOUBLE WHOLE TRUTH memset memcpy memmove isinf maximum minimum sign square power ROOM LARGER "
    "LESSER hypotenuse VECTOR_LIBM failed pivots info side contract Axis BYTES WIDE LANES ROWS PANEL DEEP BLOCK "
    "MOST WORTH PAUSE LOOKS by_rows SHARED LONG GET SWAP TALL FOR_ALL rearrange STRIP GROUP LARGE LANES".split()
) | frozenset(name + suffix for name in LIBM.values() for suffix in ("", "f")) | frozenset(RUNTIME)
COUNTED = re.compile(r"at\d+|i([89]|[1-9]\d+)")  # indices, counters beyond the eighth axis


def taken_in_c(name: str) -> bool:
    """Does a name mean something in C, or in our texts?

    >>> [taken_in_c(name) for name in ("linux", "asm", "M_PI", "_Bool", "i", "X", "G_W1", "beta")]
    [True, True, True, True, True, False, False, False]
    """
    return (name in KEYWORDS or name in PREDEFINED or name in OWN or name.startswith("_")
            or MACROS.fullmatch(name) is not None or COUNTED.fullmatch(name) is not None)


def c_identifier(name: str) -> str:
    """`name` as an identifier of C and of the Python around it.

    >>> c_identifier("x'"), c_identifier("M_PI"), c_identifier("_Bool"), c_identifier("lambda")
    ('x_prime', 'M_PI_', 'Bool', 'lambda_')
    """
    text = identifier(name)
    while text.startswith("_"):
        text = identifier(text.lstrip("_"))
    return f"{text}_" if taken_in_c(text) else text


class CIdentifiers(Identifiers):
    """The names taken in one function of C: what is taken has a variable with an underscore beside it."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        super().__init__(taken, c_identifier, "_")
