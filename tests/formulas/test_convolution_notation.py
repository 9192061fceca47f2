"""Convolutions, their gradients and pools as papers print them, in text, LaTeX and words; entries in indices."""

import pytest

import symgrad as sg

T = sg.dim("T")
X, K, b = sg.data("X", (3, 9, 9)), sg.parameter("K", (4, 3, 3, 3)), sg.parameter("b", 4)
L, x = sg.parameter("L", (3, 2, 2, 2)), sg.data("x", (3, 9, 9), over=T)
G = {step: sg.data("G", (4, size, size)) for step, size in ((1, 7), (2, 4))}


def pulled(y, wrt, by):
    return sg.gradient(sg.sum(y * by), wrt)


@pytest.mark.parametrize("tensor, text", [
    (sg.conv2d(X, K, b), "K ⋆ X + b"), (sg.conv2d(x, K, b, stride=2), "K ⋆_{s=2} x + b"),
    (sg.conv2d(X, K, padding=(1, 0)), "K ⋆_{p=(1, 0)} X"), (sg.conv2d(X, K, dilation=2, stride=2), "K ⋆_{s=2,d=2} X"),
    (sg.conv2d(X, sg.data("M", (2, 3, 2, 2)), padding="same"), "M ⋆_{p=0:1} X"),
    (sg.conv1d(sg.data("u", (2, 9)), sg.data("k", (4, 2, 3))), "k ⋆ u"),
    (pulled(sg.conv2d(X, K, b), X, G[1]), "Kᵀ ⋆ G"), (pulled(sg.conv2d(X, K, b), K, G[1]), "G ⋆ X"),
    (pulled(sg.conv2d(X, K, b), b, G[1]), "[∑_jk G_ijk]_i"),
    (pulled(sg.conv2d(X, K, stride=2), X, G[2]), "Kᵀ ⋆_{s=2} G"), (pulled(sg.conv2d(X, K, stride=2), K, G[2]), "G ⋆_{d=2} X"),
    (sg.conv_transpose2d(X, L, stride=2, padding=1), "Lᵀ ⋆_{s=2,p=1} X"),
    (pulled(sg.conv_transpose2d(X, L, stride=2), X, sg.data("G", (2, 18, 18))), "L ⋆_{s=2} G"),
    (pulled(sg.conv_transpose2d(X, L, stride=2), L, sg.data("G", (2, 18, 18))), "X ⋆_{d=2} G"),
    (sg.gradient(sg.mean(sg.sum(sg.conv2d(x, K) ** 2), over=T), K), "2/T ∑_t (K ⋆ x_t) ⋆ x_t"),
    (sg.tanh(sg.conv2d(X, K)) * G[1], "G ⊙ tanh(K ⋆ X)"),
    (sg.max_pool2d(X, 2), "maxpool_2(X)"), (sg.max_pool2d(x, 3, 2, 1), "maxpool_{3,s=2,p=1}(x)"),
    (sg.max_pool2d(X, (3, 2)), "maxpool_{(3, 2)}(X)"),
    (sg.avg_pool2d(X, 3), "avgpool_3(X)"), (sg.avg_pool2d(X, 2, 1), "avgpool_{2,s=1}(X)"),
    (pulled(sg.max_pool2d(X, 3), X, sg.data("G", (3, 3, 3))), "unpool(G, argmaxpool_3(X))"),
    (pulled(sg.avg_pool2d(X, 3), X, sg.data("G", (3, 3, 3))), "1/9 spread_3(G)"),
    (sg.upsample(X, scale_factor=2), "upsample_2(X)"), (sg.upsample(x, (18, 27)), "upsample_{(2, 3)}(x)"),
    (sg.upsample(x, scale_factor=3) ** 2, "upsample_3(x)^⊙2"),
    (sg.conv2d(X, K, b, stride=2)[2, 1, 3], "∑_ijk K_{2,i,j,k} X_{i,2 + j,6 + k} + b_2"),
])
def test_it_prints_as_papers_do(tensor, text):
    assert str(tensor) == text


def test_latex():
    assert sg.conv2d(X, K, b, stride=2).latex() == r"K \star_{\mathrm{s}=2} X + b"


@pytest.mark.parametrize("tensor, words", [
    (sg.conv2d(X, K, stride=2, padding=1), "the convolution of X with K at stride 2 and padding 1"),
    (sg.conv_transpose2d(X, L), "the transposed convolution of X with L"),
    (sg.max_pool2d(X, (3, 2), padding=1), "the largest entries of the windows of 3 by 2 with padding 1 of X"),
    (pulled(sg.max_pool2d(X, 3), X, sg.data("G", (3, 3, 3))), "G put back where the windows of side 3 of X are largest"),
])
def test_words(tensor, words):
    assert words in str(sg.explain(tensor.named("Y"))).replace("\n", " ").replace("      ", "").replace("  ", " ")
