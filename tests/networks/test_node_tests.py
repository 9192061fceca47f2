"""ONNX's own tests of its operators: how many are read and right, and none wrong."""

import collections

import pytest

pytest.importorskip("onnx")

import onnx_cases  # noqa: E402

LAYERS = """Conv ConvTranspose MaxPool AveragePool LpPool GlobalAveragePool GlobalMaxPool BatchNormalization LayerNormalization
GroupNormalization InstanceNormalization RMSNormalization LRN Attention LSTM GRU RNN Resize Upsample Dropout Gemm Softmax
LogSoftmax SoftmaxCrossEntropyLoss NegativeLogLikelihoodLoss Relu Gelu Elu Selu Celu Mish Swish HardSwish PRelu LeakyRelu
FlexAttention RotaryEmbedding LinearAttention CausalConvWithState MeanVarianceNormalization LpNormalization""".split()
TRAINING = {"Momentum", "Adagrad", "Adam"}


@pytest.fixture(scope="module")
def verdicts():
    return onnx_cases.table()


def test_none_is_wrong(verdicts):
    assert {name: why for name, (verdict, why, _) in verdicts.items() if verdict == "wrong"} == {}


def test_most_are_read_and_right(verdicts):
    passed = [name for name, (verdict, *_) in verdicts.items() if verdict == "passed"]
    layers = [name for name in passed if set(verdicts[name][2]) & set(LAYERS)]
    training = [name for name in passed if set(verdicts[name][2]) & TRAINING]
    assert len(passed) >= 1400 and len(layers) >= 200 and len(passed) - len(layers) >= 500 and len(training) == 7


def test_what_is_refused_says_why(verdicts):
    reasons = collections.Counter(why for verdict, why, _ in verdicts.values() if verdict == "refused")
    assert all(why.startswith(("from_onnx: test_", "computing: ")) and len(why) > 40
               for why in reasons), reasons
