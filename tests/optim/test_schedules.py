"""Schedules as formulas: the rates of torch.optim.lr_scheduler, in print, alone and one after the other."""

import math

import numpy as np
import pytest
import sympy as sp

import symgrad as sg
from symgrad import optim


def rates(schedule, lr=0.1, count=8):
    return [schedule.rate(lr, number) for number in range(1, count + 1)]


# torch 2, torch.optim.lr_scheduler, base rate 0.1: get_last_lr() before each step().
TORCH = [
    (optim.StepLR(3, gamma=0.5), [0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.025, 0.025]),
    (optim.StepLR(1), [0.1, 0.01, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8]),
    (optim.ExponentialLR(0.9), [0.1, 0.09, 0.081, 0.0729, 0.06561, 0.059049, 0.0531441, 0.04782969]),
    (optim.CosineLR(4), [0.1, 0.0853553390593274, 0.05, 0.0146446609406726, 0.0, 0.0146446609406726, 0.05,
                         0.0853553390593274]),
    (optim.CosineLR(4, eta_min=0.02), [0.1, 0.0882842712474619, 0.06, 0.0317157287525381, 0.02, 0.0317157287525381, 0.06,
                                       0.0882842712474619]),
    (optim.Warmup(4, start_factor=0.2), [0.02, 0.04, 0.06, 0.08, 0.1, 0.1, 0.1, 0.1]),  # LinearLR(0.2, total_iters=4)
]


@pytest.mark.parametrize("schedule, wanted", TORCH, ids=repr)
def test_rates_equal_torch(schedule, wanted):
    np.testing.assert_allclose(rates(schedule), wanted, rtol=1e-12, atol=1e-17)


def test_against_torch_itself():
    torch = pytest.importorskip("torch")
    paces = torch.optim.lr_scheduler
    for make, own in ((lambda o: paces.StepLR(o, 3, 0.7), optim.StepLR(3, 0.7)),
                      (lambda o: paces.ExponentialLR(o, 0.93), optim.ExponentialLR(0.93)),
                      (lambda o: paces.CosineAnnealingLR(o, 7, 0.01), optim.CosineLR(7, 0.01)),
                      (lambda o: paces.LinearLR(o, 0.25, total_iters=5), optim.Warmup(5, start_factor=0.25))):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.3)
        pace, found = make(optimizer), []
        for _ in range(20):
            found.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            pace.step()
        np.testing.assert_allclose(rates(own, 0.3, 20), found, rtol=1e-9)


def test_the_warm_up_is_whole_in_its_last_epoch():
    np.testing.assert_allclose(rates(optim.Warmup(4), count=6), [0.025, 0.05, 0.075, 0.1, 0.1, 0.1], rtol=1e-15)
    assert rates(optim.Warmup(1), count=3) == [0.1] * 3


def test_what_follows_a_warm_up_begins_when_it_is_over():
    cosine = optim.CosineLR(4, eta_min=0.01)
    then = rates(optim.Warmup(3, then=cosine))
    np.testing.assert_allclose(then, [0.1 / 3, 0.2 / 3, 0.1, *rates(cosine, count=5)], rtol=1e-12)
    shown = str(optim.Warmup(3, then=cosine).formulas())
    assert "max(1, epoch - n)" in shown and "T = 4" in shown and shown.startswith("Warmup: the rate rises along a line; then CosineLR")


@pytest.mark.parametrize("length", [3, 5, 7, 10, 12, 49])
def test_a_whole_number_of_lengths_is_never_missed_by_rounding(length):
    step = optim.StepLR(length, gamma=0.5)
    module = sg.generate(sg.sum(sg.parameter("w", 2) ** 2), optimizer=optim.SGD(1.0).scheduled(step)).load()
    for epoch in range(1, 8 * length):
        assert step.rate(1.0, epoch) == module.of_epoch(1.0, epoch) == 0.5 ** ((epoch - 1) // length)


def test_both_ways_to_call_them():
    inner = optim.SGD(0.1)
    for given in (optim.StepLR(inner, 30, gamma=0.2), optim.StepLR(optimizer=inner, step_size=30, gamma=0.2),
                  inner.scheduled(optim.StepLR(30, 0.2))):
        assert given == inner.scheduled(optim.StepLR(step_size=30, gamma=0.2)) and given.lr == 0.1
    both = optim.Warmup(optim.CosineLR(inner, 50), 5)
    assert [each.name for each in both.schedules] == ["CosineLR", "Warmup"]
    assert repr(both) == "SGD(lr=0.1).scheduled(CosineLR(T_max=50)).scheduled(Warmup(total_iters=5))"


def test_formulas_of_several_keep_their_numbers_apart():
    shown = str(optim.SGD(0.1).scheduled(optim.StepLR(3), optim.StepLR(5, gamma=0.5), optim.ExponentialLR(0.9, per="step"))
                .formulas())
    assert shown == """\
SGD: gradient descent
  η ← η₀ γ^⌊(epoch - 1) / s⌋
  η ← η γ₂^⌊(epoch - 1) / s₂⌋
  η ← η γ₃^(t - 1)
  θ ← θ - η g
  with η₀ = 0.1, s = 3, γ = 0.1, s₂ = 5, γ₂ = 0.5, γ₃ = 0.9"""
    tex = optim.StepLR(optim.SGD(0.1), 3).formulas().latex()
    assert r"\eta &\leftarrow \eta_{0} \gamma^{\left\lfloor{\frac{\mathrm{epoch} - 1}{s}}\right\rfloor}" in tex


def test_a_schedule_of_ones_own():
    lr, epoch, k = sp.symbols("lr epoch k")
    for formula in ("lr / (1 + k*(epoch - 1))", lr / (1 + k * (epoch - 1))):
        inverse = optim.schedule("Inverse", formula, k=0.5)
        np.testing.assert_allclose(rates(inverse, count=4), [0.1 / (1 + 0.5 * i) for i in range(4)], rtol=1e-15)
        assert inverse.per == "epoch"
    root = optim.schedule("Root", "lr * min(1, sqrt(n/t))", n=4)
    assert root.per == "step" and math.isclose(root.rate(1.0, 16), 0.5)


def torch_plateau(losses, lr, mode, factor, patience, threshold, cooldown, min_lr, relative):
    """torch.optim.lr_scheduler.ReduceLROnPlateau, as its documentation and source have it."""
    best, bad, resting, found = math.inf if mode == "min" else -math.inf, 0, 0, []
    for loss in losses:
        found.append(lr)
        limit = best * (1 - threshold if mode == "min" else 1 + threshold) if relative else (
            best - threshold if mode == "min" else best + threshold)
        if loss < limit if mode == "min" else loss > limit:
            best, bad = loss, 0
        else:
            bad += 1
        if resting > 0:
            resting, bad = resting - 1, 0
        if bad > patience:
            lower = max(lr * factor, min_lr)
            lr = lower if lr - lower > 1e-8 else lr
            resting, bad = cooldown, 0
    return found


class Told:
    """What a schedule by the losses sees of a fit."""

    def __init__(self, curves):
        self.history, self.model, self.epoch, self.done = sg.History(curves), self, 0, 0


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("relative", [True, False])
@pytest.mark.parametrize("patience, cooldown, min_lr", [(0, 0, 0.0), (2, 0, 0.003), (1, 3, 0.0), (3, 1, 0.2)])
def test_plateaus_as_in_torch(mode, relative, patience, cooldown, min_lr):
    rng = np.random.default_rng(patience)
    losses = [float(v) for v in 1 + np.round(np.cumsum(rng.normal(0 if mode == "max" else -0.002, 0.05, 60)), 2)]
    pace = optim.ReduceOnPlateau(0.5, patience, threshold=0.01, cooldown=cooldown, min_lr=min_lr, monitor="loss", mode=mode,
                                 threshold_mode="rel" if relative else "abs")
    told, found = Told({"loss": []}), []
    pace.begin(told)
    for loss in losses:
        found.append(pace.rate(0.1))
        told.history.curves["loss"].append(loss)
        pace(told)
    assert found == torch_plateau(losses, 0.1, mode, 0.5, patience, 0.01, cooldown, min_lr, relative)
    assert len(set(found)) > 2 or min_lr > 0.1
    pace.begin(told)
    assert pace.rate(0.1) == 0.1


def test_a_plateau_says_what_it_waits_for():
    assert str(optim.ReduceOnPlateau(0.5, 3, cooldown=2, monitor="val_accuracy").formulas()) == """\
ReduceOnPlateau: after more than 3 epochs in which val_accuracy was not above (1 + 0.0001) of its best, 2 at least from the last time
  η ← max(factor η, ηₘᵢₙ)
  with factor = 0.5, ηₘᵢₙ = 0"""


@pytest.mark.parametrize("make, words", [
    (lambda: optim.StepLR(0), "StepLR: step_size must be a whole number from 1, not 0"),
    (lambda: optim.StepLR(2.5), "StepLR: step_size must be a whole number from 1, not 2.5"),
    (lambda: optim.StepLR(True), "whole number"),
    (lambda: optim.StepLR(3, gamma=-1), "StepLR: gamma is -1; it must be at least 0"),
    (lambda: optim.StepLR(3, gamma=sp.Symbol("c")), "a schedule needs numbers, and c is a symbol"),
    (lambda: optim.StepLR(3, per="batch"), "StepLR: per is 'batch'; it must be 'epoch' or 'step'"),
    (lambda: optim.CosineLR(10, eta_min="low"), "CosineLR: eta_min must be a finite number"),
    (lambda: optim.Warmup(optim.CosineLR(9), 5), "Warmup: total_iters is the schedule CosineLR(T_max=9); several act side by side in"),
    (lambda: optim.Warmup(5, then=3), "3 is no schedule; those of sg.optim are StepLR"),
    (lambda: optim.Warmup(5, then=optim.StepLR(3, per="step")), "Warmup: then is StepLR(step_size=3, gamma=0.1); what follows"),
    (lambda: optim.Warmup(5, then=optim.ReduceOnPlateau()), "what follows a warm-up by the epoch is a formula"),
    (lambda: optim.ReduceOnPlateau(1.0), "ReduceOnPlateau: factor is 1; it must be at least 0 and below 1"),
    (lambda: optim.ReduceOnPlateau("min"), "ReduceOnPlateau: the mode is given by its name, mode='min'; first stands"),
    (lambda: optim.ReduceOnPlateau("half"), "ReduceOnPlateau: factor must be a finite number, not 'half'"),
    (lambda: optim.ReduceOnPlateau(patience=-1), "patience must be a whole number from 0"),
    (lambda: optim.ReduceOnPlateau(mode="up"), "mode is 'up'; it must be 'auto' or 'min' or 'max'"),
    (lambda: optim.ReduceOnPlateau(monitor=3), "monitor is 3"),
    (lambda: optim.SGD(0.1).scheduled(optim.EarlyStopping()), "is no schedule"),
    (lambda: optim.schedule("S", "lr * decay"), "S: decay has no value in η decay; give it one (decay=...)"),
    (lambda: optim.schedule("S", "lr / (epoch + t)"), "counts epochs and steps; a schedule counts one of them"),
    (lambda: optim.schedule("S", "lr / epoch", k=2), "S: k is given a value, but no formula reads it"),
    (lambda: optim.schedule("S", "lr / epoch", epoch=2), "epoch is given a value, but lr is the optimiser's"),
    (lambda: optim.schedule("S", 3), "S: a schedule is a formula for the rate"),
    (lambda: optim.schedule("S", "open('x')"), "column 1"),
])
def test_schedules_that_make_no_sense(make, words):
    with pytest.raises(sg.SymgradError) as caught:
        make()
    assert words in str(caught.value)
