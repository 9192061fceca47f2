"""Layers of images: parameters in PyTorch's order and layout, values that PyTorch gives, what is refused."""

import copy

import numpy as np
import pytest
from checker import near, run

import symgrad as sg

T = sg.dim("T")
x = sg.data("x", (2, 6, 5), over=T)
image = sg.data("x", (4, 5, 5))


def waves(*shape):
    """Numbers that any language makes alike."""
    return np.sin(np.arange(1.0, 1.0 + np.prod(shape))).reshape(shape)


def test_parameters_have_the_order_and_layout_of_pytorch():
    net = sg.nn.Sequential(sg.nn.Conv2d(2, 6, (3, 2), groups=2), sg.nn.ReLU(), sg.nn.MaxPool2d(2),
                           sg.nn.ConvTranspose2d(6, 4, 3, stride=2, groups=2), sg.nn.Upsample(scale_factor=2),
                           sg.nn.AdaptiveAvgPool2d(1), sg.nn.Flatten(), sg.nn.Linear(4, 3))
    assert [(p.name, p.shape) for p in net.parameters()] == [
        ("K1", (6, 1, 3, 2)), ("b1", (6,)), ("K2", (6, 2, 3, 3)), ("b2", (4,)), ("W3", (3, 4)), ("b3", (3,))]
    assert net(x).shape == (3,) and net(x).over == T and net(sg.data("X", (8, 2, 6, 5))).shape == (8, 3)
    assert [p.name for p in sg.nn.Conv1d(2, 3, 3, bias=False, name="in").parameters()] == ["Kin"]


def test_two_layers_never_share_kernels_and_copies_do():
    first, second = sg.nn.Conv2d(2, 2, 3), sg.nn.Conv2d(2, 2, 3)
    assert first.K != second.K and first.K is first.W and copy.deepcopy(first).K == first.K


def test_values_and_gradients_are_those_of_pytorch():
    """A small network in double precision; the numbers are PyTorch 2.13's."""
    net = sg.nn.Sequential(sg.nn.Conv2d(2, 4, (2, 3), padding="same", dilation=(2, 1)), sg.nn.Tanh(),
                           sg.nn.MaxPool2d(3, 2, 1, ceil_mode=True), sg.nn.ConvTranspose2d(4, 2, 3, 2, 1, 1),
                           sg.nn.AvgPool2d(3, 2, 1, count_include_pad=False), sg.nn.Flatten())
    loss = sg.mean(sg.sum(net(x) ** 2), over=T)
    at = {x: waves(3, 2, 6, 5), **{p: waves(*p.shape) for p in net.parameters()}}
    value, slopes = run([loss, sg.gradient(loss, net.parameters())], at)
    near(value, VALUE, 1e-12)
    for slope, (total, size) in zip(slopes, SLOPES, strict=True):
        near([slope.sum(), np.abs(slope).sum()], [total, size], 1e-12)


VALUE = 51.154386689679264
SLOPES = (  # the sum of the entries, and of their absolute values
    (-1.0731017378917038, 13.906954526122218),
    (-0.2736962701306185, 6.695924005258147),
    (445.4291557560651, 445.4291557560651),
    (56.24949323217676, 56.24949323217676),
)


def test_layers_print_as_they_are_written():
    net = sg.nn.Sequential(sg.nn.Conv2d(3, 8, 5, stride=2, padding=1), sg.nn.Conv1d(4, 4, 3, padding="same", groups=2, bias=False),
                           sg.nn.ConvTranspose2d(8, 4, 2, 2, output_padding=1), sg.nn.MaxPool2d(2), sg.nn.AvgPool2d(2, 1, 1),
                           sg.nn.AdaptiveAvgPool2d((1, 2)), sg.nn.Upsample(scale_factor=2))
    assert repr(net) == (
        "Sequential(Conv2d(3, 8, 5, stride=2, padding=1), Conv1d(4, 4, 3, padding='same', groups=2, bias=False), "
        "ConvTranspose2d(8, 4, 2, stride=2, output_padding=1), MaxPool2d(2), AvgPool2d(2, stride=1, padding=1), "
        "AdaptiveAvgPool2d((1, 2)), Upsample(scale_factor=2))")


@pytest.mark.parametrize("make, message", [
    (lambda: sg.nn.Conv2d(4, 6, 3, groups=4), "Conv2d(4, 6, 3, groups=4): 6 out_channels do not divide into 4 groups"),
    (lambda: sg.nn.Conv2d(3, 6, 3, groups=2), "Conv2d(3, 6, 3, groups=2): 3 in_channels do not divide into 2 groups"),
    (lambda: sg.nn.Conv2d(3, 6, 3)(image), "Conv2d(3, 6, 3): x of shape (4, 5, 5) has 4 channels, the kernel K of shape "
                                           "(6, 3, 3, 3) is for 3"),
    (lambda: sg.nn.Conv2d(4, 6, 7, padding="valid")(image), "Conv2d(4, 6, 7, padding='valid'): a kernel of 7 does not fit into a side "
                                                            "of 5"),
    (lambda: sg.nn.Conv1d(4, 6, 3)(sg.data("x", 4)), "Conv1d(4, 6, 3): x of shape (4,) has 1 axis; one sample is (channels, length)"),
    (lambda: sg.nn.Conv2d(4, 6, 3, padding_mode="mirror"), "padding_mode 'mirror' is not known; 'zeros', 'reflect', 'replicate', 'circular' are"),
    (lambda: sg.nn.ConvTranspose2d(4, 6, 3, padding_mode="reflect"), "padding_mode 'reflect' is not known; 'zeros' is"),
    (lambda: sg.nn.Conv2d(4, 6, 0), "Conv2d(4, 6, 0): kernel_size must be at least 1, not 0"),
    (lambda: sg.nn.Conv2d(4, 0, 3), "Conv2d(4, 0, 3): out_channels must be at least 1, not 0"),
    (lambda: sg.nn.ConvTranspose2d(3, 6, 3)(image), "ConvTranspose2d(3, 6, 3): x of shape (4, 5, 5) has 4 channels"),
    (lambda: sg.nn.MaxPool2d(6)(image), "MaxPool2d(6): a kernel of 6 does not fit into a side of 5"),
    (lambda: sg.nn.AvgPool2d(2, padding=2)(image), "AvgPool2d(2, padding=2): a padding of 2 is more than half"),
    (lambda: sg.nn.Upsample()(image), "Upsample(): give either size or scale_factor"),
])
def test_what_does_not_fit_is_refused_with_the_layer(make, message):
    with pytest.raises(sg.ShapeError) as error:
        make()
    assert message in str(error.value)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("padding, widths", [(1, [(1, 1), (1, 1)]), ((2, 0), [(2, 2), (0, 0)]), ("same", [(1, 1), (1, 2)])])
def test_borders_that_are_no_zeros(mode, padding, widths):
    layer = sg.nn.Conv2d(2, 3, (3, 4), padding=padding, padding_mode=mode)
    x = sg.data("x", (2, 6, 5), over=sg.dim("T"))
    bordered = sg.pad(x, [(0, 0), *widths], mode=mode)
    assert layer(x) is sg.conv2d(bordered, layer.K, layer.b) and repr(layer).endswith(f"padding_mode={mode!r})")
