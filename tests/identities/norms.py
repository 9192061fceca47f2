"""Norms of vectors and matrices, distances."""

ROWS = [
    ("Cookbook, eq. 129", "x:n a:n", "gradient x", "norm(x - a)", "(x - a) / norm(x - a)"),
    ("Cookbook, eq. 130", "x:n a:n", "jacobian x", "(x - a) / norm(x - a)",
     "eye(n) / norm(x - a) - outer(x - a, x - a) / norm(x - a)**3"),
    ("Cookbook, eq. 131", "x:n", "gradient x", "norm(x)**2", "2 * x"),
    ("Cookbook, eq. 131", "x:n", "gradient x", "x @ x", "2 * x"),
    ("Cookbook, eq. 132", "X:n,d", "gradient X", "norm(X)**2", "2 * X"),
    ("Cookbook, eq. 525 (derivative by x)", "x:n~apart", "gradient x", "sum(abs(x))", "sign(x)"),
    ("Cookbook, eq. 526 (derivative by x)", "x:n A:m,n b:m", "gradient x", "norm(A @ x - b)",
     "A.T @ (A @ x - b) / norm(A @ x - b)"),
    ("Cookbook, eq. 527 (derivative by x, p = 4)", "x:n", "gradient x", "sum(x**4)**0.25", "x**3 / sum(x**4)**0.75"),
    ("Cookbook, eq. 528 (derivative by x)", "x:n~apart", "gradient x", "max(abs(x))",
     "sign(x) * equal(abs(x), max(abs(x)))"),
    ("Cookbook, eq. 541 (derivative by A)", "A:n,d", "gradient A", "norm(A)", "A / norm(A)"),
    ("Cookbook, eq. 541 (derivative by A)", "A:n,d B:n,k C:k,d", "gradient B", "norm(A - B @ C)",
     "-(A - B @ C) @ C.T / norm(A - B @ C)"),
    ("Cookbook, eqs. 116 and 132 (their quotient)", "A:n,m X:m,d", "gradient X", "norm(A @ X)**2 / norm(X)**2",
     "2 * A.T @ A @ X / norm(X)**2 - 2 * norm(A @ X)**2 * X / norm(X)**4"),
]
