"""Kronecker products and the vec operator."""

ROWS = [
    ("Cookbook, eq. 39", "X:n,d Y:m,k", "differential X Y", "kron(X, Y)", "kron(dX, Y) + kron(X, dY)"),
    ("Cookbook, eq. 105", "A:m,m X:n,n", "gradient X", "tr(kron(A, X))", "tr(A) * eye(n)"),
    ("Cookbook, eq. 120", "X:n,n", "gradient X", "tr(kron(X, X))", "2 * tr(X) * eye(n)"),
    ("Cookbook, eq. 515 (derivative by A)", "A:n,n B:m,m", "gradient A", "tr(kron(A, B))", "tr(B) * eye(n)"),
    ("Cookbook, eq. 520 (derivative by X)", "A:m,n X:n,d B:d,k", "jacobian X", "vec(A @ X @ B)",
     "unvec(kron(B.T, A), X)"),
    ("Cookbook, eq. 521 (derivative by B)", "A:n,d B:n,d", "gradient B", "vec(A) @ vec(B)", "A"),
    ("Cookbook, eq. 524 (derivative by X)", "a:n X:n,d B:d,d c:n", "gradient X",
     "vec(X) @ kron(B.T, outer(c, a)) @ vec(X)", "outer(a, c) @ X @ B.T + outer(c, a) @ X @ B"),
    ("Magnus-Neudecker, ch. 9 (Kronecker products)", "X:n,d Y:m,k C:m,m D:k,k", "gradient X",
     "norm(kron(X, Y))**2", "2 * norm(Y)**2 * X"),
    ("Magnus-Neudecker, ch. 9 (Kronecker products)", "A:n,n X:n,n B:m,m", "gradient X",
     "tr(kron(A @ X, B @ B))", "tr(B @ B) * A.T"),
    ("Magnus-Neudecker, ch. 9 (Kronecker products)", "u:m v:k X:n,d Y:m,k a:n b:d", "gradient X",
     "kron(a, u) @ kron(X, Y) @ kron(b, v)", "(u @ Y @ v) * outer(a, b)"),
]
