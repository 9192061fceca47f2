"""Optimisers are rows of formulas: each is the text of its update rule and its numbers.

What a rule is, and how to write one of your own, says `updates.py`. Arguments and numbers are those of
`torch.optim`.
"""

from __future__ import annotations

from collections.abc import Mapping

from symgrad.graphs.errors import SymgradError
from symgrad.optim.rules import equations_of, number, rule
from symgrad.optim.updates import Optimizer

DECAY = "g = g + weight_decay*theta\n"  # L2 weight decay, as torch.optim adds it to the gradient
DECOUPLED = "theta = theta - lr*weight_decay*theta\n"  # apart from the gradient, as AdamW has it


def SGD(lr: float = 1e-3, momentum: float = 0, nesterov: bool = False, weight_decay: float = 0,
        decoupled_weight_decay: bool = False) -> Optimizer:
    """Gradient descent, with momentum (Polyak 1964) or Nesterov's (Sutskever et al. 2013).

    Weight decay is added to the gradient (L2) or, if `decoupled_weight_decay`, acts on the parameters alone.

    >>> print(sg.optim.SGD(0.01, momentum=0.9, nesterov=True).formulas())
    SGD: gradient descent with Nesterov's momentum (Sutskever et al. 2013)
      v ← μ v + g
      θ ← θ - η (g + μ v)
      with η = 0.01, μ = 0.9
    """
    values = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay}
    values = {key: number("SGD", key, value, 0) for key, value in values.items()}
    if nesterov and not momentum:
        raise SymgradError("SGD: nesterov=True needs a momentum above 0")
    text = _decay(weight_decay, decoupled_weight_decay)
    about = "gradient descent"
    if not momentum:
        text += "theta = theta - lr*g"
    elif nesterov:
        text += "v = momentum*v + g\ntheta = theta - lr*(g + momentum*v)"
        about += " with Nesterov's momentum (Sutskever et al. 2013)"
    else:
        text += "v = momentum*v + g\ntheta = theta - lr*v"
        about += " with momentum (Polyak 1964)"
    return _row("SGD", text, values, about)


def Adam(lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
         weight_decay: float = 0, amsgrad: bool = False, decoupled_weight_decay: bool = False) -> Optimizer:
    """Adam (Kingma and Ba 2015, algorithm 1); `amsgrad` (Reddi et al. 2018) keeps the largest v.

    Weight decay is added to the gradient (L2) or, if `decoupled_weight_decay`, acts on the parameters alone, as in AdamW.

    >>> print(sg.optim.Adam().formulas())
    Adam: Kingma and Ba 2015, algorithm 1
      m ← β₁ m + (1 - β₁) g
      v ← β₂ v + (1 - β₂) g²
      m̂ ← m / (1 - β₁ᵗ)
      v̂ ← v / (1 - β₂ᵗ)
      θ ← θ - η m̂ / (√v̂ + ε)
      with η = 0.001, β₁ = 0.9, β₂ = 0.999, ε = 1e-08
    """
    values = _moments("Adam", lr, betas, eps, weight_decay)
    return _row("Adam", _decay(weight_decay, decoupled_weight_decay) + _adam(amsgrad), values,
                "Kingma and Ba 2015, algorithm 1")


def AdamW(lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
          weight_decay: float = 1e-2, amsgrad: bool = False) -> Optimizer:
    """Adam with weight decay apart from the gradient (Loshchilov and Hutter 2019, algorithm 2).

    >>> print(sg.optim.AdamW(1e-3).formulas())
    AdamW: Loshchilov and Hutter 2019, algorithm 2
      θ ← θ - η λ θ
      m ← β₁ m + (1 - β₁) g
      v ← β₂ v + (1 - β₂) g²
      m̂ ← m / (1 - β₁ᵗ)
      v̂ ← v / (1 - β₂ᵗ)
      θ ← θ - η m̂ / (√v̂ + ε)
      with η = 0.001, β₁ = 0.9, β₂ = 0.999, ε = 1e-08, λ = 0.01
    """
    values = _moments("AdamW", lr, betas, eps, weight_decay)
    return _row("AdamW", _decay(weight_decay, True) + _adam(amsgrad), values,
                "Loshchilov and Hutter 2019, algorithm 2")


def _adam(amsgrad: bool) -> str:
    top = "vmax = max(vmax, v)\n" if amsgrad else ""
    return ("m = beta1*m + (1 - beta1)*g\nv = beta2*v + (1 - beta2)*g**2\n" + top + "mhat = m / (1 - beta1**t)\n"
            f"vhat = {'vmax' if amsgrad else 'v'} / (1 - beta2**t)\ntheta = theta - lr*mhat / (sqrt(vhat) + eps)")


def _moments(name: str, lr: float, betas: tuple[float, float], eps: float, weight_decay: float) -> dict[str, float]:
    if not isinstance(betas, (tuple, list)) or len(betas) != 2:
        raise SymgradError(f"{name}: betas must be two numbers, not {betas!r}")
    return {"lr": number(name, "lr", lr, 0), "beta1": number(name, "betas[0]", betas[0], 0, 1),
            "beta2": number(name, "betas[1]", betas[1], 0, 1), "eps": number(name, "eps", eps, 0),
            "weight_decay": number(name, "weight_decay", weight_decay, 0)}


def RMSprop(lr: float = 0.01, alpha: float = 0.99, eps: float = 1e-8, weight_decay: float = 0,
            momentum: float = 0, centered: bool = False, decoupled_weight_decay: bool = False) -> Optimizer:
    """Steps divided by a running root mean square of the gradient (Tieleman and Hinton 2012).

    `centered` divides by the deviation instead (Graves 2013, eq. 38 to 41). Weight decay is L2 unless it is decoupled.

    >>> print(sg.optim.RMSprop(0.01).formulas())
    RMSprop: Tieleman and Hinton 2012
      v ← α v + (1 - α) g²
      θ ← θ - η g / (√v + ε)
      with η = 0.01, α = 0.99, ε = 1e-08
    """
    values = {"lr": lr, "alpha": alpha, "eps": eps, "momentum": momentum, "weight_decay": weight_decay}
    values = {key: number("RMSprop", key, value, 0) for key, value in values.items()}
    text = _decay(weight_decay, decoupled_weight_decay) + "v = alpha*v + (1 - alpha)*g**2\n"
    text += "a = alpha*a + (1 - alpha)*g\n" if centered else ""
    step = f"g / (sqrt({'v - a**2' if centered else 'v'}) + eps)"
    text += f"b = momentum*b + {step}\ntheta = theta - lr*b" if momentum else f"theta = theta - lr*{step}"
    return _row("RMSprop", text, values, "Tieleman and Hinton 2012")


def Adagrad(lr: float = 0.01, lr_decay: float = 0, weight_decay: float = 0, initial_accumulator_value: float = 0,
            eps: float = 1e-10, decoupled_weight_decay: bool = False) -> Optimizer:
    """Steps divided by the root of the sum of all squared gradients (Duchi et al. 2011).

    Weight decay is L2 unless it is decoupled.

    >>> print(sg.optim.Adagrad(0.01).formulas())
    Adagrad: Duchi et al. 2011
      s ← s + g²
      θ ← θ - η g / (√s + ε)
      with η = 0.01, ε = 1e-10
    """
    given = {"lr": lr, "lr_decay": lr_decay, "weight_decay": weight_decay, "eps": eps}
    values = {key: number("Adagrad", key, value, 0) for key, value in given.items()}
    first = number("Adagrad", "initial_accumulator_value", initial_accumulator_value, 0)
    rate = "lr / (1 + lr_decay*(t - 1))" if lr_decay else "lr"
    text = _decay(weight_decay, decoupled_weight_decay, rate) + (
        f"s = s + g**2\ntheta = theta - {rate}*g / (sqrt(s) + eps)")
    return _row("Adagrad", text, values, "Duchi et al. 2011", {"s": first})


def _decay(weight_decay: float, decoupled: bool, rate: str = "lr") -> str:
    """The line of weight decay, in front of the others; nothing where there is none."""
    if not weight_decay:
        return ""
    return DECOUPLED.replace("lr", rate) if decoupled else DECAY


def _row(name: str, text: str, values: dict[str, float], about: str,
         start: Mapping[str, float] | None = None) -> Optimizer:
    """A rule with those of `values` that its text mentions."""
    used = {s.name for _, right in equations_of(name, text) for s in right.free_symbols}
    return rule(name, text, start=start, about=about, **{k: v for k, v in values.items() if k in used or k == "lr"})
