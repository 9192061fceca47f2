"""Texts that nobody should write, by the number: valid formulas, damaged formulas, hostile ones, and noise.

`texts(seed, count)` is the same list everywhere. Used by tests/reading/test_parser_fuzz.py.
"""

import random

DECLARED = {"X": "n d", "w": "d", "y": "n", "s": "", "k": "n: integer", "A": "3 3", "B": "3 3", "c": "3", "q": "d over T",
            "Z": "2 3 4"}
FORMULAS = """
sum((X @ w - y)**2) | mean(log_softmax(A, axis=1)) | sum(q * w) | mean(q @ q, over=T) | einsum('ij,jk->ik', A, B)
einsum('i,i->', c, c) | einsum('ii->i', A) | einsum('...i->...', Z) | logsumexp(A, axis=0, keepdims=True) | softmax(X) | X.T @ (X @ w - y)
where(s > 0, s**2, -s) | solve(A, c) | solve_triangular(A, B, lower=True, unit_diagonal=False) | inv(A) @ c | logdet(A) | det(A @ B)
cholesky(A @ A.T + eye(3)) | prod(c) | prod(Z, axis=(0, 1)) | cumsum(Z, axis=1) | windows(c, 2, step=1, axis=0) | windows(Z, 3, axis=-1)
Z[0, 1:, ::-1] | X[None, ..., 0] | X[k] | X[arange(n), 0] | take(A, [0, 2], axis=1) | pad(A, 1, 0.5) | pad(A, ((1, 0), (0, 2)))
concatenate([A, B], axis=0) | stack([c, c], axis=-1) | split(A, 3)[1] | reshape(A, (9,)) | A.reshape((-1,)) | transpose(Z, (2, 0, 1))
norm(w) | norm(A, 1) | std(X, axis=0) | var(X, ddof=1) | kron(A, B) | tril(A, -1) | triu(A) | diag(c, 1) | trace(A) | outer(c, c)
tensordot(A, B, 1) | tensordot(A, B, ([0], [1])) | one_hot(k, 4) | clip(A, -1, 1) | gelu(s) + elu(s, 0.5) | leaky_relu(A, 0.1)
maximum(A, B.T) - minimum(A, 0) | roll(c, 1) | flip(A, (0, 1)) | squeeze(expand_dims(c, 0)) | broadcast_to(c, (2, 3)) | full((2, n), s)
zeros((2, 3)) + ones(3) | eye(n) @ X | arange(5) * 2 | cross_entropy(A, arange(3)) | mse(X @ w, y) | squared_error(y, X @ w) | huber(s, 0.5)
nll(log_softmax(A), arange(3)) | hinge(y, k) | kl_divergence(softmax(c), softmax(c)) | argmax(A, axis=1) | max(A) + min(B, 0) | sum(X, 0) / n
sum(exp(-(X - 1)**2 / 2)) / (n * d) | logical_and(s > 0, s < 1) | equal(k, 1) | floor(s) | sqrt(1 + s**2) | 1/3 * s - 2e-3 | erf(s)**0.5
dropout(A, 0.5) | layer_norm(A, 3) | attention(A, A, B) | conv2d(Z, Z) | embedding(A, k) | stop_gradient(A) | dot(A, c) | matmul(B, c)
binary_cross_entropy_with_logits(s, 1) | empirical_risk(q @ w) | A.sum(axis=0).mean() | A.swapaxes(0, 1).ravel().take([0]) | pi * s
""".replace("\n", " | ").split("|")
FORMULAS = [text.strip() for text in FORMULAS if text.strip()]
HOSTILE = r"""
__import__('os') | lambda | lambda: 0 | x.__class__ | X.__class__.__mro__ | f'{s}' | f'{s!r:>{10**9}}' | 10**10**10 | 9**9**9**9 | 1e400 | 1j
9999999999999999999999999 | 0x7fffffffffffffff | 0o777 | 1_000 | 01 | zeros((10**9, 10**9)) | eye(10**12) | arange(10**15) | ones(10**6)
arange(0, 10**6, 7) | arange(1, 10, 0) | arange(n, 0) | arange(1.5) | arange(s) | eye(s) | eye(-1) | eye(2.5) | eye((3, 3)) | zeros(-1)
zeros('a') | zeros(n - d) | zeros((n, -d)) | full(3, A) | full((0,), 1) | einsum('', s) | einsum('->', s) | einsum('ij', c)
einsum('ij->ijk', A) | einsum('i' * 9, A) | einsum('....', A) | einsum('i...j...->', A) | einsum('a,b,c', c, c) | einsum('é,é', c, c)
einsum(',,,,') | einsum('ij,jk->ik->x', A, B) | einsum(A) | einsum() | einsum('i', [1, 2]) | einsum('i', (c, c)) | sum(A, axis='0')
sum(A, axis=None, keepdims=s) | sum(A, axis=(0, 0)) | sum(A, axis=[0]) | sum(A, axis=s) | sum(A, axis=0.5) | sum(A, over=n) | sum(q, over=T)
sum(A, over=s) | sum(A, over=(1, 2)) | mean(A, over=3) | max(over=T) | split(A, 0) | split(A, -1) | split(A, [1, s]) | split(A, (5, 1))
split(A, 1.5) | split(A, None) | split(A, [n]) | take(A, 5) | take(A, 1.5) | take(A, s) | take(A, [[0], [1, 2]]) | take(A, [None])
take(A, n) | roll(A, n) | roll(A, s) | roll(A, 0.5) | roll(A, (1, 2)) | roll(c, 10**6) | pad(A, n) | pad(A, -1) | pad(A, (1,)) | pad(A, s)
pad(A, None) | pad(A, 1, A) | pad(A, ((1, 2, 3), 4)) | pad(A, 10**6) | pad(A, [[]]) | windows(c, 0) | windows(c, n) | windows(c, s) | windows(c, 1.5)
windows(c, 2, step=0) | windows(c, 2, step=s) | windows(c, None) | windows(X, d, axis=n) | windows(c, 9) | windows(c, 2, axis=(0,)) | one_hot(s, 3)
one_hot(k, s) | one_hot(k, -1) | one_hot(k, 1.5) | one_hot(k, (2,)) | one_hot(k, None) | cumsum(s) | cumsum(A, axis=None) | cumsum(A, (0, 1))
softmax(s) | softmax(A, axis=None) | softmax(A, s) | logsumexp(A, ()) | norm(A, s) | norm(A, 'nuc') | norm(A, n) | norm(A, None) | norm(A, -1)
var(A, ddof=s) | var(A, ddof=n) | var(A, ddof=100) | var(A, ddof=0.5) | var(A, ddof=None) | std(s, ddof=1) | diag(c, s) | diag(c, n) | diag(c, 0.5)
diag(c, 10**6) | diag(Z) | diag(A, None) | tril(A, s) | tril(A, n) | tril(A, None) | tril(A, (1,)) | trace(A, 1, 0, 0) | trace(A, s) | trace(A, n)
diagonal(A, None) | diagonal(Z, 1, 0) | trace(Z, 0, None, s) | tensordot(A, B, s) | tensordot(A, B, -1) | tensordot(A, B, None)
tensordot(A, B, ([0], None)) | tensordot(A, B, (0,)) | tensordot(A, B, (0, 1, 2)) | tensordot(A, B, n) | tensordot(A, B, (s, s)) | kron(A, c)
kron(Z, Z) | kron(1, 2) | reshape(A, s) | reshape(A, (s,)) | reshape(A, (-1, -1)) | reshape(A, (0, -1)) | reshape(A, None) | reshape(A, (n, -1))
reshape(X, (-1, n - 1)) | reshape(A, 'a') | reshape(A, ()) | reshape(A, 1.5) | reshape(A, [[9]]) | transpose(A, (0, 0)) | transpose(A, s) | transpose(A, (0, None))
transpose(A, 5) | A.swapaxes(s, 0) | A.swapaxes(0) | squeeze(A, 0) | squeeze(A, s) | squeeze(A, (0, None)) | expand_dims(A, 9) | expand_dims(A, s)
expand_dims(A, None) | expand_dims(A, (0, 0)) | expand_dims(A, n) | broadcast_to(A, s) | broadcast_to(A, 3) | broadcast_to(c, (10**6, 3)) | broadcast_to(c, (n,))
broadcast_to(A, None) | concatenate([]) | concatenate(A) | concatenate(s) | concatenate([A, s]) | concatenate([A, B], s) | concatenate([s, s])
concatenate(None) | concatenate([A, None]) | concatenate((A, [B])) | stack([]) | stack(A) | stack([A, c]) | stack([1, 2]) | stack([A], None)
stack([None]) | stack(3) | stack([[1], [2]]) | flip(A, s) | flip(A, 7) | flip(s, 0) | clip(A) | clip(A, None, None) | clip(A, [1, 2, 3], c) | clip(None, 1, 2)
where(A) | where(A, B) | where(1, 2, 3) | where(None, 1, 2) | where([1], [2], [3]) | maximum([1, 2], c) | maximum(None, c) | elu(A, B) | elu(A, None)
leaky_relu(A, [1]) | leaky_relu(s, n) | exp(None) | exp([1, 2]) | exp((A, B)) | exp([[1], [2, 3]]) | exp([]) | exp(()) | exp([s, 1]) | exp(10**300)
log(0) | log(-1) | log(n) | sqrt(-2) | sqrt(n) | 1/0 | s/0 | 0**-1 | s**-0.5 | (-1)**0.5 | s**n | 2**s | n**s | s**10**6 | s**(1/3) | s**-10**5 | s**1e300
A**A | A**None | A @ 2 | s @ s | 2 @ A | A @ s | n @ A | A @ c @ A | A % 2 | A // 2 | A << 1 | ~A | not A | A and B | A == B | A != B
A[5] | A[-4] | A[0, 0, 0] | A[s] | A[1.5] | A['a'] | A[None, None] | A[..., ...] | A[::0] | A[::s] | A[s:] | A[n:] | A[:n] | X[n] | X[:n + 1] | X[-n] | X[d:, n:]
A[True] | A[k] | A[[0, 5]] | A[[0, s]] | A[[0, None]] | A[[[0], [0, 1]]] | A[[]] | A[()] | A[(0, 1)] | A[(0, 1), ] | A[0][0][0] | A[10**6] | A[10**30] | A[-10**18]
A[A > 0] | X[k, k, k] | X[[1.5]] | X[..., n - 1] | X[1/2] | X[n/2] | X[n/n] | X[0:n:2] | X[::n] | X[n:0:-1] | Z[k] | q[k] | q[0] | q[n] | q[T] | s[None] | s[...] | s[()]
inv(c) | inv(X) | inv(s) | inv([[1, 2], [3, 4]]) | inv([[1, 2], [3]]) | det([]) | det(None) | det(zeros((0, 0))) | logdet(X.T @ X) | cholesky(c) | cholesky(Z)
solve(A, s) | solve(A, X) | solve(X, y) | solve(s, A) | solve(A, None) | solve([[1]], [2]) | solve_triangular(A, c, s) | solve_triangular(A, c, lower=A)
solve_triangular(A, c, None, None) | solve_triangular(A, c, upper=1) | prod(A, (0, 0)) | prod(A, None, s) | prod(k) | prod([]) | prod([1, 2])
losses.mse(s, s) | mse(A, c) | mse(1, 2) | mse(s, reduction=s) | huber(s, s, -1) | huber(s, s, A) | cross_entropy(A, s) | cross_entropy(s, s) | nll(A, A)
cross_entropy(A, [0, 1, 2]) | cross_entropy(A, [5, 1, 2]) | cross_entropy(A, k) | hinge(A, 1) | kl_divergence(s, s) | embedding(k, A) | dropout(A, 2) | dropout(A, s)
dropout(A, None) | layer_norm(A, s) | layer_norm(A, (3, 3, 3)) | batch_norm(A) | attention(A) | attention(c, c, c) | attention(A, B, Z) | conv1d(A, B) | conv1d(s, s)
conv2d(Z, Z, stride=0) | conv2d(Z, Z, stride=s) | conv2d(Z, Z, padding=-1) | max_pool2d(Z, 0) | max_pool2d(Z, 2) | avg_pool2d(A, s) | max_pool2d(s, 2)
stop_gradient(None) | empirical_risk(A) | empirical_risk(3) | q + X | q @ X | X @ q | q + y | sum(q) + sum(y) | mean(q, over=T) + q | stack([q, w]) | q > T
T * q | n - n | n / d | n ** 2 | n ** 0.5 | -n | +n | n > 1 | n + 10**18 | n * n * n | (n + d) / (n + d) | exp(n) | zeros(n * n) | zeros(n / d) | zeros(n / 2) | eye(n / n)
arange(n * d) + 1 | zeros((n,) * 3) | [0] * 10**9 | (0,) * 10**9 | 'a' * 10**9 | [A for A in B] | {A} | {1: 2} | *A | **A | f(*A) | exp(*A) | exp(**A) | exp(s, s)
exp() | exp(x=s) | exp(s, x=s) | sum(x=A, axis=0) | sum(A, 0, True, None) | sum(A, 0, 1, 2, 3, 4) | A.sum(0, axis=0) | A.T.T.T | A.mT | s.mT | c.mT | A.T(0) | A.sum | A.eval()
A.latex() | A.node | A.shape[0] | A.dtype | A._repr_latex_() | A.named('x') | A.__getitem__(0) | A.reshape() | A.reshape(3) | A.take() | A.clip() | A.trace(1) | A.dot()
print(s) | eval('s') | open('/etc/passwd') | __builtins__ | globals() | exit() | quit | import os | s; s | s = 1 | s := 1 | (s := 1) | await s | yield s | async | @A | $ | ` | ? | !
"a | 'a | '''a | \ | # x | s # x | s \ | (s | s) | ((s) | [s | {s | s] | )( | .. | ... | , | ,, | : | ; | = | == | -> | -- | ++ | +- | s s | 2s | s2 | s'' | s' | s^T
""".replace("\n", " | ").split("|")
HOSTILE = [text.strip() for text in HOSTILE if text.strip()]
ALPHABET = "XywskABcqZndT0123456789.,:;()[]{}+-*/@<>=!~^|&%'\"\\#$?_ eEjx\t\n\r\0\x7fé²λ√ᵀ′∑∞𝐗ｘ\u202e\u200b\ud800\udfff\ufeff\U0010ffff"


def tokens(text):
    """A text cut at its signs: good enough to damage it."""
    import re

    return re.findall(r"\w+|\s+|\*\*|[^\w\s]", text)


def damaged(rng):
    """A valid formula with a few tokens lost, doubled, swapped, or hostile ones put in."""
    parts = tokens(rng.choice(FORMULAS))
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(parts) + 1)
        match rng.randrange(7):
            case 0:
                del parts[at:at + rng.randint(1, 3)]
            case 1:
                parts[at:at] = parts[at:at + rng.randint(1, 5)]
            case 2:
                other = rng.randrange(len(parts) + 1)
                a, b = sorted((at, other))
                parts[a:a + 1], parts[b:b + 1] = parts[b:b + 1], parts[a:a + 1]
            case 3:
                parts.insert(at, rng.choice(HOSTILE))
            case 4:
                parts.insert(at, rng.choice(tokens(rng.choice(FORMULAS))))
            case 5:
                parts[at:at + 1] = [rng.choice(HOSTILE)]
            case 6:
                parts.insert(at, rng.choice("()[]{},:.'\"+-*/@<=~ \0"))
        if not parts:
            parts = ["s"]
    return "".join(parts)


def replaced(rng):
    """A valid formula with one name or number replaced by a whole expression, so that types are wrong but not the grammar."""
    parts = tokens(rng.choice(FORMULAS))
    places = [i for i, part in enumerate(parts) if part[0].isalnum()]
    for at in rng.sample(places, min(len(places), rng.randint(1, 2))):
        parts[at] = rng.choice(("A", "B", "c", "s", "k", "q", "X", "w", "Z", "n", "d", "T", "0", "-1", "1.5", "None", "True", "10**9", "(0, 1)", "[0, 1]",
                                "()", "[]", "'a'", "1e300", rng.choice(FORMULAS), rng.choice(HOSTILE)))
    return "".join(parts)


def nested(rng):
    """Formulas put into formulas."""
    text = rng.choice(FORMULAS)
    for _ in range(rng.randint(1, 4)):
        other = rng.choice(FORMULAS + HOSTILE)
        name = rng.choice("XwyskABcqZ")
        text = other.replace(name, f"({text})", 1) if rng.random() < 0.7 else f"({text}) {rng.choice(['+', '-', '*', '/', '**', '@', '<'])} ({other})"
    return text


def noise(rng):
    """Characters of any kind, or bytes."""
    if rng.random() < 0.3:
        return rng.randbytes(rng.randint(0, 60)).decode("latin-1" if rng.random() < 0.5 else "utf-8", errors="replace")
    return "".join(rng.choice(ALPHABET) for _ in range(rng.randint(0, 40)))


def huge(rng):
    """Deep or long texts."""
    size = rng.choice((50, 79, 80, 81, 99, 200, 1000, 3000, 9999, 20_000))
    inner = rng.choice(("s", "A", "0", "", "exp(s)"))
    return rng.choice((
        "(" * size + inner + ")" * size, "[" * size + inner + "]" * size, "(" * size, "-" * size + inner, "~" * size + inner,
        "exp(" * size + inner + ")" * size, "+".join(["s"] * size), "*".join(["s"] * size), "**".join(["s"] * size), "@".join(["A"] * size),
        "s" * size, "s" + ".T" * size, "A" + "[0]" * size, "A" + "[None]" * size, "A" + "[:, None]" * size, "1" * size, "0." + "0" * size + "1",
        "stack([" + ",".join(["s"] * size) + "])", "einsum('" + ",".join(["i"] * size) + "'" + ", c" * size + ")", "exp(" + "s," * size + ")",
        "sum(A" + ", axis=0" * size + ")", "'" + "a" * size + "'", "kron(" * size + "c" + ", c)" * size, "outer(" * size + "c" + ", c)" * size,
        "1/" * size + "3*s", "not " * size + "s", "lambda x:" * size + "s", "s if s else " * size + "s", "A[" + ",".join(["0"] * size) + "]",
        "exp(" + "[" * size + "1" + "]" * size + ")", " " * size + "s", "\t" * size, "s" + " " * size, "#" * size, "f'{" * size, "zeros((" + "1," * size + "))",
        "0x" + "f" * size, "1e" + "9" * size, "𝐗" * size, "reshape(A, (" + "1," * size + "9))", "concatenate([" + ",".join(["c"] * size) + "])",
        "tensordot(" * size + "A" + ", A, 0)" * size, "2**" * size + "s", "prod(" * size + "A" + ")" * size, "cumsum(" * size + "A" + ")" * size,
    ))


def texts(seed, count):
    """`count` texts, in all kinds; every formula and every hostile one first."""
    rng = random.Random(seed)
    yield from (FORMULAS + HOSTILE)[:count]
    kinds = (damaged,) * 80 + (replaced,) * 60 + (nested,) * 30 + (noise,) * 29 + (huge,)
    for _ in range(count - len(FORMULAS) - len(HOSTILE)):
        yield rng.choice(kinds)(rng)
