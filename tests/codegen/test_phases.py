"""From a plan to phases: units by one rule, levels, who waits, memory by the lives of arrays; without a line of CUDA."""

from dataclasses import replace

import pytest
from kernels import Trial, stepping_of
from networks import DATA, network
from trained import attention, images, regression, tokens

import symgrad as sg
from symgrad.codegen.c.windows import arranged
from symgrad.codegen.cuda.words import cuda_identifier
from symgrad.codegen.phases.units import hazards, lives, memory, phases_of
from symgrad.codegen.plan.storage import reads, storage
from symgrad.codegen.python.setting import setting

PLAN = """\
phase  unit       finds             computes                                          shape   waits inside
----------------------------------------------------------------------------------------------------------
1      product    a1 x1             A¹ = X W₁ᵀ + 1 b₁ᵀ; X¹ = relu(A¹)                 T x 6   nobody
2      product    a2                A² = X¹ W₂ᵀ + 1 b₂ᵀ                               T x 3   nobody
3      rows       v3 v5 v6 v7 G_a2  G_A² = 1/T softmax(A²) - 1/T onehot(t)            T x 1   a warp
3      entries    v4                -                                                 T       nobody
4      reduction  L                 L = mean(logsumexp(A², axis=1) - [A²_{s,t_s}]_s)  scalar  nobody
4      product    G_W2              G_W₂ = G_A²ᵀ X¹                                   3 x 6   nobody
4      reduction  G_b2              G_b₂ = G_A²ᵀ 1                                    3       nobody
4      product    G_a1              G_X¹ = G_A² W₂; G_A¹ = G_X¹ ⊙ [A¹ > 0]            T x 6   nobody
5      product    G_W1              G_W₁ = G_A¹ᵀ X                                    6 x 5   nobody
5      reduction  G_b1              G_b₁ = G_A¹ᵀ 1                                    6       nobody
vessel block: 5 phases and the update, a barrier after each; one kernel for many steps"""


def phases(loss):
    """The phases of the gradients of a loss."""
    return phases_of(storage(arranged(setting(stepping_of(loss, sg.optim.SGD(0.1)).gradients)).roots))


def test_the_plan_is_read_as_a_table():
    assert str(Trial(network(sg.nn.ReLU())[0], sg.optim.SGD(0.1), DATA, 8).kernel.plan) == PLAN


@pytest.mark.parametrize("made", [attention, images, regression, tokens])
def test_what_another_unit_writes_is_read_in_a_later_phase(made):
    found = phases(made()[0])
    level = {e: number for number, units in enumerate(found.levels) for unit in units for e in unit.steps}
    unit_of = {e: unit for units in found.levels for unit in units for e in unit.steps}
    assert set(level) == set(found.storage.stored)
    for e in found.storage.stored:
        for b in reads(e, found.storage):
            if b in level and unit_of[b] is not unit_of[e]:
                assert level[b] < level[e]
    assert hazards(found) == []
    if len(found.levels) > 1:
        first, second, *rest = found.levels
        wrong = hazards(replace(found, levels=((*first, *second), *rest)))
        assert wrong and wrong[0].startswith("phase 1: ")


@pytest.mark.parametrize("made", [attention, images, regression, tokens])
def test_arrays_share_memory_after_the_phase_that_reads_them_last(made):
    found = phases(made()[0])
    alive, slots = lives(found), memory(found, ())
    assert {e for slot in slots for e in slot.tenants} == set(found.kept)
    for slot in slots:
        for old, new in zip(slot.tenants, slot.tenants[1:], strict=False):
            assert alive[old][1] < alive[new][0]
        assert not set(slot.tenants[:-1]) & set(found.storage.roots), "a result keeps its place"
    assert len(slots) < len(found.kept) or len(found.levels) < 8


def test_what_has_no_kernel_is_named():
    A, c, xs = sg.data("A", (3, 3)), sg.parameter("c", 3), sg.data("xs", (5, 3))
    within, _ = sg.scan(lambda h, s: (sg.eigvalsh(A + sg.outer(h, s)) * c, None), c, xs)
    eigenvalues = sg.sum(sg.eigvalsh(A + sg.parameter("w")))
    for loss, reason in ((sg.sum(within), "eigenvectors"), (eigenvalues, "eigvalsh")):
        source = sg.generate(loss, optimizer=sg.optim.SGD(0.1), backend="cupy")
        assert str(source.phases) == f"runs as plain steps of the array library: {reason} has no kernel"


def test_the_phases_of_a_step_of_a_recurrence_are_numbered_within_its_own():
    x = sg.data("x", (7, 3), over=sg.dim("T"))
    steps, _ = sg.nn.RNN(3, 4)(x)
    source = sg.generate(sg.empirical_risk(sg.sum(steps**2)), optimizer=sg.optim.SGD(0.1), backend="cupy")
    told = [f"{u.phase} {u.kind} {' '.join(u.finds)}, {u.shape}, {u.waits}" for u in source.phases.units]
    assert told[4:6] == ["4 recurrence v7, 7 steps, all, in every step", "4.1 product v13, T x 4, nobody"]
    assert told[9:12] == ["6 recurrence v11, 7 steps, all, in every step", "6.1 entries v14, T x 4, nobody",
                          "6.2 product v15, T x 4, nobody"]
    assert len(told) == 15 and source.phases.note.endswith(
        "; those within 4 and 6 for every step of a recurrence\nother sizes may take grid: at(T=...) says which, and why")


def test_names_of_other_alphabets_are_ascii_in_a_kernel():
    T = sg.dim("T")
    x, y, gamma = sg.data("x", 2, over=T), sg.data("y", over=T), sg.parameter("γ", 2)
    trial = Trial(sg.losses.squared_error(gamma @ x, y), sg.optim.SGD(0.1), {"x": DATA["x"][:, :2], "y": DATA["x"][:, 2]}, 8)
    code = [line.partition("//")[0] for line in trial.kernel.text.split("\n")]
    assert all(line.isascii() for line in code) and "on.gamma" in trial.kernel.text
    assert cuda_identifier("lane'") == "lane_prime" and all(cuda_identifier(name).isascii() for name in "ŝ名é")
