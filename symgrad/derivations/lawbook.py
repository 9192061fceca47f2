"""The laws of a lecture, written down: what an operation is called, what it makes of gradients, and why, in a few words.

A row is data. Its formulas stand in Unicode and in LaTeX, and every one is proven: `tests/derivations/test_laws.py` reads
both and compares their numbers with the gradient. Laws that follow from an operation alone are derived, in `deriving.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache


@dataclass(frozen=True)
class LawRow:
    """A law: the operation and the gradients it gives, why a step by it holds, and what is to be known beside.

    Formulas within `end` stand between backquotes, and are the same in all styles.
    """

    title: str
    why: str
    unicode: tuple[str, ...]
    latex: tuple[str, ...]
    end: str = ""

    def texts(self, style: str) -> tuple[str, ...]:
        """The operation, and what it makes of gradients."""
        return self.latex if style == "latex" else self.unicode


SUM = LawRow("Sum", "a sum passes its gradient on to each of its terms",
             ("y = α u + β v", "G_u = α G_y", "G_v = β G_y"),
             (r"y = \alpha u + \beta v", r"G_{u} = \alpha G_{y}", r"G_{v} = \beta G_{y}"))
TOTAL = LawRow("Sum of entries", "every entry has the same part in the sum",
               ("y = sum(x)", "G_x = G_y 1"), (r"y = \operatorname{sum}(x)", r"G_{x} = G_{y} \mathbf{1}"))
TRACE = LawRow("Trace", "only the diagonal has a part in the trace", ("y = tr(X)", "G_X = G_y I"),
               (r"y = \operatorname{tr}(X)", "G_{X} = G_{y} I"))
NORM = LawRow("Norm", "through the norm", ("y = ‖x‖", "G_x = G_y x/‖x‖"),
              (r"y = \lVert x \rVert", r"G_{x} = G_{y} \frac{x}{\lVert x \rVert}"))
SOLVED = LawRow("Linear system", "back through the transposed system", ("x = A⁻¹ b", "G_b = A⁻ᵀ G_x", "G_A = -A⁻ᵀ G_x xᵀ"),
                ("x = A^{-1} b", r"G_{b} = A^{-\top} G_{x}", r"G_{A} = -A^{-\top} G_{x} x^{\top}"))
MEAN = LawRow("Mean", "every entry has the same part in the mean",
              ("y = mean(x)", "G_x = 1/n G_y 1"),
              (r"y = \operatorname{mean}(x)", r"G_{x} = \frac{1}{n} G_{y} \mathbf{1}"), ", over `n` entries")
ENTRYWISE = LawRow("Entrywise function", "each entry by itself: times the derivative there",
                   ("x = f(a)", "G_a = diag[f'(a)] G_x = f'(a) ⊙ G_x"),
                   ("x = f(a)", r"G_{a} = \operatorname{diag}[f'(a)] G_{x} = f'(a) \odot G_{x}"))
DROPOUT = LawRow("Dropout", "what was dropped gets nothing",
                 ("y = m ⊙ x", "G_x = m ⊙ G_y"),
                 (r"y = m \odot x", r"G_{x} = m \odot G_{y}"))
CASES = LawRow("Cases", "where another value was taken, nothing comes back",
               ("y = {x if c, k otherwise}", "G_x = {G_y if c, 0 otherwise}"),
               (r"y = \begin{cases} x & \text{if } c \\ k & \text{otherwise} \end{cases}",
                r"G_{x} = \begin{cases} G_{y} & \text{if } c \\ 0 & \text{otherwise} \end{cases}"), ", entry by entry")
LARGER = LawRow("Larger of two", "the larger of the two gets the gradient",
                ("y = max(u, v)", "G_u = G_y ⊙ [u > v]", "G_v = G_y ⊙ [v > u]"),
                (r"y = \max(u, v)", r"G_{u} = G_{y} \odot [u > v]", r"G_{v} = G_{y} \odot [v > u]"),
                ", entry by entry; half to each where they are equal")
SMALLER = LawRow("Smaller of two", "the smaller of the two gets the gradient",
                 ("y = min(u, v)", "G_u = G_y ⊙ [u < v]", "G_v = G_y ⊙ [v < u]"),
                 (r"y = \min(u, v)", r"G_{u} = G_{y} \odot [u < v]", r"G_{v} = G_{y} \odot [v < u]"),
                 ", entry by entry; half to each where they are equal")
LARGEST = LawRow("Largest entry", "the largest entry gets the gradient; equal ones get equal parts",
                 ("y = max(x)", "G_x = G_y [x = y]/sum([x = y])"),
                 (r"y = \max(x)", r"G_{x} = G_{y} \frac{[x = y]}{\operatorname{sum}([x = y])}"))
SMALLEST = LawRow("Smallest entry", "the smallest entry gets the gradient; equal ones get equal parts",
                  ("y = min(x)", "G_x = G_y [x = y]/sum([x = y])"),
                  (r"y = \min(x)", r"G_{x} = G_{y} \frac{[x = y]}{\operatorname{sum}([x = y])}"))
MAX_POOL = LawRow("Max pooling", "each goes where its window was largest",
                  ("y = maxpool_k(x)", "G_x = unpool_k(G_y, x = y)"),
                  (r"y = \operatorname{maxpool}_{k}(x)", r"G_{x} = \operatorname{unpool}_{k}(G_{y}, x = y)"),
                  ": to the largest entry of each window; equal ones share it equally (PyTorch: all to the first)")
MEAN_POOL = LawRow("Average pooling", "each is spread evenly over its window",
                   ("y = avgpool_k(x)", "G_x = 1/n upsample_k(G_y)"),
                   (r"y = \operatorname{avgpool}_{k}(x)", r"G_{x} = \frac{1}{n} \operatorname{upsample}_{k}(G_{y})"),
                   ", for windows of `n` entries side by side; where windows overlap, their parts are added up")
SUM_POOL = LawRow("Sum pooling", "each goes to all of its window",
                  ("y = sumpool_k(x)", "G_x = upsample_k(G_y)"),
                  (r"y = \operatorname{sumpool}_{k}(x)", r"G_{x} = \operatorname{upsample}_{k}(G_{y})"),
                  ", for windows side by side; where windows overlap, their parts are added up")
ENLARGED = LawRow("Upsampling", "the gradients of all copies of an entry are added up",
                  ("y = upsample_k(x)", "G_x = sumpool_k(G_y)"),
                  (r"y = \operatorname{upsample}_{k}(x)", r"G_{x} = \operatorname{sumpool}_{k}(G_{y})"))
STANDARDISED = LawRow("Standardisation", "the mean and the variance are made of the same values: two corrections",
                      ("x̂ = (x - μ)/√(s² + ε)", "G_x = 1/√(s² + ε) (G_x̂ - mean(G_x̂) - x̂ mean(G_x̂ ⊙ x̂))"),
                      (r"\hat{x} = \frac{x - \mu}{\sqrt{s^{2} + \varepsilon}}",
                       r"G_{x} = \frac{1}{\sqrt{s^{2} + \varepsilon}} (G_{\hat{x}} - \operatorname{mean}(G_{\hat{x}})"
                       r" - \hat{x} \operatorname{mean}(G_{\hat{x}} \odot \hat{x}))"),
                      ", with the mean `μ` and the standard deviation `s` of `x`")
SCALE = LawRow("Scale and shift", "scaled as on the way forward",
               ("y = γ ⊙ x̂ + β", "G_x̂ = γ ⊙ G_y", "G_γ = x̂ ⊙ G_y", "G_β = G_y"),
               (r"y = \gamma \odot \hat{x} + \beta", r"G_{\hat{x}} = \gamma \odot G_{y}",
                r"G_{\gamma} = \hat{x} \odot G_{y}", r"G_{\beta} = G_{y}"),
               ", the last two added up over all that `γ` and `β` are shared by")
NOISE = LawRow("Reparametrisation", "the noise is a constant",
               ("z = μ + s ⊙ ε", "G_μ = G_z", "G_s = ε ⊙ G_z"),
               (r"z = \mu + s \odot \varepsilon", r"G_{\mu} = G_{z}", r"G_{s} = \varepsilon \odot G_{z}"),
               ": the noise is a constant, gradients go through `μ` and `s`")
PICKED = LawRow("Picking an entry", "only the entry that was picked gets something",
                ("y = x_k", "G_x = G_y e_k"), ("y = x_{k}", "G_{x} = G_{y} e_{k}"))
PICKED_BY_ROW = LawRow("Picking an entry of each row", "of each row only the entry that was picked gets something",
                       ("y = [X_{i,k_i}]_i", "G_X = diag(G_y) onehot(k)"),
                       (r"y = [X_{i,k_{i}}]_{i}", r"G_{X} = \operatorname{diag}(G_{y}) \operatorname{onehot}(k)"))
LOOKED_UP = LawRow("Picking a row", "only the row that was picked gets something",
                   ("y = E[k]", "G_E = e_k G_yᵀ"), ("y = E[k]", r"G_{E} = e_{k} G_{y}^{\top}"))
EMBEDDED = LawRow("Embedding", "each row gets what comes back from all places where it stands",
                  ("Y = E[k]", "G_E = onehot(k)ᵀ G_Y"), ("Y = E[k]", r"G_{E} = \operatorname{onehot}(k)^{\top} G_{Y}"),
                  ": where an index occurs twice, its gradients are added up")
PICKED_MANY = LawRow("Picking entries", "each entry gets what comes back from all places where it was taken",
                     ("y = x[k]", "G_x = onehot(k)ᵀ G_y"), ("y = x[k]", r"G_{x} = \operatorname{onehot}(k)^{\top} G_{y}"),
                     ": where an index occurs twice, its gradients are added up")
SORTED = LawRow("Sorting", "each goes back to the place that its entry came from",
                ("y = x[π]", "G_x = onehot(π)ᵀ G_y"), (r"y = x[\pi]", r"G_{x} = \operatorname{onehot}(\pi)^{\top} G_{y}"),
                ", where `π` is the order of the entries, a constant")
ADDED_AT = LawRow("Adding up by index", "each gets what comes back at the place where it was added",
                  ("Y = onehot(k)ᵀ X", "G_X = G_Y[k]"), (r"Y = \operatorname{onehot}(k)^{\top} X", "G_{X} = G_{Y}[k]"))
JOINED = LawRow("Concatenation", "each part gets its own entries",
                ("y = [u; v]", "G_u = G_y[:n]", "G_v = G_y[n:]"),
                ("y = [u; v]", "G_{u} = G_{y}[:n]", "G_{v} = G_{y}[n:]"), ", where `u` has `n` entries")
SLICED = LawRow("Slice", "the entries that were taken; the others get nothing",
                ("y = x[i:j]", "G_x = [0; G_y; 0]"), ("y = x[i:j]", "G_{x} = [0; G_{y}; 0]"))
PADDED = LawRow("Padding", "what was put around gives nothing back",
                ("y = [0; x; 0]", "G_x = G_y[i:j]"), ("y = [0; x; 0]", "G_{x} = G_{y}[i:j]"),
                ", where `x` has the places `i` to `j`")
RESHAPED = LawRow("Reshape", "the entries keep their order",
                  ("Y = reshape(x, (m, n))", "G_x = reshape(G_Y, (m n,))"),
                  (r"Y = \operatorname{reshape}(x, (m, n))", r"G_{x} = \operatorname{reshape}(G_{Y}, (m n,))"))
FLATTENED = LawRow("Flattening", "the entries keep their order",
                   ("y = flatten(X)", "G_X = unflatten(G_y, s)"),
                   (r"y = \operatorname{flatten}(X)", r"G_{X} = \operatorname{unflatten}(G_{y}, s)"),
                   ", where `s` is the shape of `X`")
UNFLATTENED = LawRow("Unflattening", "the entries keep their order",
                     ("Y = unflatten(x, s)", "G_x = flatten(G_Y)"),
                     (r"Y = \operatorname{unflatten}(x, s)", r"G_{x} = \operatorname{flatten}(G_{Y})"))
HEADS = LawRow("Heads", "the heads are put side by side again",
               ("Y = split_h(X)", "G_X = concat(G_Y)"),
               (r"Y = \operatorname{split}_{h}(X)", r"G_{X} = \operatorname{concat}(G_{Y})"))
HEADS_JOINED = LawRow("Heads joined", "the gradient is cut into heads again",
                      ("Y = concat(X)", "G_X = split_h(G_Y)"),
                      (r"Y = \operatorname{concat}(X)", r"G_{X} = \operatorname{split}_{h}(G_{Y})"))
ATTENTION = LawRow("Attention", "a product of matrices: the other factor, transposed",
                   ("O = A V, A = softmax(S), S = 1/√d Q Kᵀ", "G_V = Aᵀ G_O", "G_A = G_O Vᵀ",
                    "G_S = A ⊙ (G_A - (A ⊙ G_A) 1 1ᵀ)", "G_Q = 1/√d G_S K", "G_K = 1/√d G_Sᵀ Q"),
                   (r"O = A V, A = \operatorname{softmax}(S), S = \frac{1}{\sqrt{d}} Q K^{\top}", r"G_{V} = A^{\top} G_{O}",
                    r"G_{A} = G_{O} V^{\top}", r"G_{S} = A \odot (G_{A} - (A \odot G_{A}) \mathbf{1} \mathbf{1}^{\top})",
                    r"G_{Q} = \frac{1}{\sqrt{d}} G_{S} K", r"G_{K} = \frac{1}{\sqrt{d}} G_{S}^{\top} Q"))
SOFTMAX_OF_ROWS = LawRow("Softmax of rows", "through the softmax of each row",
                         ("Y = softmax(X)", "G_X = Y ⊙ (G_Y - (Y ⊙ G_Y) 1 1ᵀ)"),
                         (r"Y = \operatorname{softmax}(X)",
                          r"G_{X} = Y \odot (G_{Y} - (Y \odot G_{Y}) \mathbf{1} \mathbf{1}^{\top})"))
LOGSUMEXP_OF_ROWS = LawRow("Log-sum-exp of rows", "through the log-sum-exp of each row",
                           ("y = logsumexp(X, axis=1)", "G_X = diag(G_y) softmax(X)"),
                           (r"y = \operatorname{logsumexp}(X,\, \mathrm{axis}=1)",
                            r"G_{X} = \operatorname{diag}(G_{y}) \operatorname{softmax}(X)"))
STOPPED = LawRow("Held constant", "what is held constant gives nothing back",
                 ("y = stop(x)", "y = x", "G_x = 0"), (r"y = \operatorname{stop}(x)", "y = x", "G_{x} = 0"))


@cache
def convolution(sides: int, transposed: bool) -> LawRow:
    """The law of a convolution over so many sides of an image."""
    letters = "jklmn"[:sides]
    bias = ("G_b = G_a 1", r"G_{b} = G_{a} \mathbf{1}") if sides == 1 else (
        f"G_b = [∑_{letters} G_{{a,i{letters}}}]_i",
        rf"G_{{b}} = \left[ \sum_{{{' '.join(letters)}}} G_{{a,{' '.join(f'i{letters}')}}} \right]_{{i}}")
    if transposed:
        return LawRow("Transposed convolution", "through the transposed convolution: back by the convolution",
                      ("a = Kᵀ ⋆ x + b", "G_x = K ⋆ G_a", "G_K = x ⋆ G_a", bias[0]),
                      (r"a = K^{\top} \star x + b", r"G_{x} = K \star G_{a}", r"G_{K} = x \star G_{a}", bias[1]))
    return LawRow("Convolution", "through the convolution: the kernel flipped",
                  ("a = K ⋆ x + b", "G_x = Kᵀ ⋆ G_a", "G_K = G_a ⋆ x", bias[0]),
                  (r"a = K \star x + b", r"G_{x} = K^{\top} \star G_{a}", r"G_{K} = G_{a} \star x", bias[1]))
