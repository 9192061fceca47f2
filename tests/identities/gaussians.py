"""Gaussian densities, mixtures and moments."""

ROWS = [
    ("Cookbook, sec. 8.2.2 (mean of a square form)", "m:n S:n,n A:n,n", "gradient m", "tr(A @ S) + m @ A @ m",
     "(A + A.T) @ m"),
    ("Cookbook, sec. 8.2.2 (mean of a square form)", "m:n S:n,n A:n,n", "gradient S", "tr(A @ S) + m @ A @ m", "A.T"),
    ("Cookbook, sec. 8.2.2 (variance of a square form)", "m:n S:n,n A:n,n", "gradient m",
     "tr(A @ S @ (A + A.T) @ S) + m @ (A + A.T) @ S @ (A + A.T) @ m", "(A + A.T) @ (S + S.T) @ (A + A.T) @ m"),
    ("Cookbook, sec. 8.2.2 (variance of a square form)", "m:n S:n,n A:n,n", "gradient S",
     "tr(A @ S @ (A + A.T) @ S) + m @ (A + A.T) @ S @ (A + A.T) @ m",
     "A.T @ S.T @ (A + A.T) + (A + A.T) @ S.T @ A.T + (A + A.T) @ outer(m, m) @ (A + A.T)"),
    ("Cookbook, sec. 8.2.4 (mean of quartic forms)", "m:n S:n,n:symmetric", "gradient m",
     "2 * tr(S @ S) + 4 * m @ S @ m + (tr(S) + m @ m)**2", "8 * S @ m + 4 * (tr(S) + m @ m) * m"),
]
