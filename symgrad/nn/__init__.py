"""Layers with PyTorch's names, arguments and defaults: called on a tensor, they own their parameters.

Every instance is an owner of its own, so two `Linear(50, 50)` never share weights. Parameters are `W` and
`b`; `Sequential` numbers them by layer, and a graph with several layers numbers what would clash.
"""

# Begin with `module.py`, what a layer is, and `linear.py`, one in full: each kind of layer is a file. A layer is a few
# lines of operations from language/ around parameters of its own; losses own nothing and are in symgrad/losses.py.

from symgrad.language.habits import NN, hints
from symgrad.nn.activations import CELU as CELU
from symgrad.nn.activations import ELU as ELU
from symgrad.nn.activations import GELU as GELU
from symgrad.nn.activations import GLU as GLU
from symgrad.nn.activations import SELU as SELU
from symgrad.nn.activations import Activation as Activation
from symgrad.nn.activations import Hardshrink as Hardshrink
from symgrad.nn.activations import Hardsigmoid as Hardsigmoid
from symgrad.nn.activations import Hardswish as Hardswish
from symgrad.nn.activations import Hardtanh as Hardtanh
from symgrad.nn.activations import LeakyReLU as LeakyReLU
from symgrad.nn.activations import LogSigmoid as LogSigmoid
from symgrad.nn.activations import LogSoftmax as LogSoftmax
from symgrad.nn.activations import Mish as Mish
from symgrad.nn.activations import ReLU as ReLU
from symgrad.nn.activations import ReLU6 as ReLU6
from symgrad.nn.activations import Sigmoid as Sigmoid
from symgrad.nn.activations import SiLU as SiLU
from symgrad.nn.activations import Softmax as Softmax
from symgrad.nn.activations import Softmin as Softmin
from symgrad.nn.activations import Softplus as Softplus
from symgrad.nn.activations import Softshrink as Softshrink
from symgrad.nn.activations import Softsign as Softsign
from symgrad.nn.activations import Tanh as Tanh
from symgrad.nn.activations import Tanhshrink as Tanhshrink
from symgrad.nn.attention import MultiheadAttention as MultiheadAttention
from symgrad.nn.batch import BatchNorm1d as BatchNorm1d
from symgrad.nn.batch import BatchNorm2d as BatchNorm2d
from symgrad.nn.batch import BatchNorm3d as BatchNorm3d
from symgrad.nn.containers import Flatten as Flatten
from symgrad.nn.containers import Identity as Identity
from symgrad.nn.containers import Sequential as Sequential
from symgrad.nn.convolutional import Conv1d as Conv1d
from symgrad.nn.convolutional import Conv2d as Conv2d
from symgrad.nn.convolutional import Conv3d as Conv3d
from symgrad.nn.convolutional import ConvTranspose1d as ConvTranspose1d
from symgrad.nn.convolutional import ConvTranspose2d as ConvTranspose2d
from symgrad.nn.dropping import Dropout as Dropout
from symgrad.nn.dropping import Dropout2d as Dropout2d
from symgrad.nn.linear import Bilinear as Bilinear
from symgrad.nn.linear import Linear as Linear
from symgrad.nn.linear import PReLU as PReLU
from symgrad.nn.module import Module as Module
from symgrad.nn.normalising import Embedding as Embedding
from symgrad.nn.normalising import GroupNorm as GroupNorm
from symgrad.nn.normalising import LayerNorm as LayerNorm
from symgrad.nn.norms import InstanceNorm1d as InstanceNorm1d
from symgrad.nn.norms import InstanceNorm2d as InstanceNorm2d
from symgrad.nn.norms import InstanceNorm3d as InstanceNorm3d
from symgrad.nn.norms import RMSNorm as RMSNorm
from symgrad.nn.pools import AdaptiveAvgPool1d as AdaptiveAvgPool1d
from symgrad.nn.pools import AdaptiveAvgPool2d as AdaptiveAvgPool2d
from symgrad.nn.pools import AvgPool1d as AvgPool1d
from symgrad.nn.pools import AvgPool2d as AvgPool2d
from symgrad.nn.pools import AvgPool3d as AvgPool3d
from symgrad.nn.pools import ConstantPad1d as ConstantPad1d
from symgrad.nn.pools import ConstantPad2d as ConstantPad2d
from symgrad.nn.pools import MaxPool1d as MaxPool1d
from symgrad.nn.pools import MaxPool2d as MaxPool2d
from symgrad.nn.pools import MaxPool3d as MaxPool3d
from symgrad.nn.pools import PixelShuffle as PixelShuffle
from symgrad.nn.pools import PixelUnshuffle as PixelUnshuffle
from symgrad.nn.pools import ReflectionPad1d as ReflectionPad1d
from symgrad.nn.pools import ReflectionPad2d as ReflectionPad2d
from symgrad.nn.pools import ReplicationPad1d as ReplicationPad1d
from symgrad.nn.pools import ReplicationPad2d as ReplicationPad2d
from symgrad.nn.pools import Upsample as Upsample
from symgrad.nn.pools import ZeroPad2d as ZeroPad2d
from symgrad.nn.recurrent import GRU as GRU
from symgrad.nn.recurrent import LSTM as LSTM
from symgrad.nn.recurrent import RNN as RNN
from symgrad.nn.starting import initialise as initialise
from symgrad.nn.starting import load_state_dict as load_state_dict
from symgrad.nn.transformer import TransformerDecoderLayer as TransformerDecoderLayer
from symgrad.nn.transformer import TransformerEncoderLayer as TransformerEncoderLayer

__getattr__ = hints(__name__, NN)
