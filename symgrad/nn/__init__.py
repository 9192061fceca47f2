"""Layers with PyTorch's names, arguments and defaults: called on a tensor, they own their parameters.

Every instance is an owner of its own, so two `Linear(50, 50)` never share weights. Parameters are `W` and
`b`; `Sequential` numbers them by layer, and a graph with several layers numbers what would clash.
"""

from symgrad.nn.linear import ELU as ELU
from symgrad.nn.linear import GELU as GELU
from symgrad.nn.linear import Activation as Activation
from symgrad.nn.linear import Flatten as Flatten
from symgrad.nn.linear import Identity as Identity
from symgrad.nn.linear import LeakyReLU as LeakyReLU
from symgrad.nn.linear import Linear as Linear
from symgrad.nn.linear import LogSoftmax as LogSoftmax
from symgrad.nn.linear import Module as Module
from symgrad.nn.linear import ReLU as ReLU
from symgrad.nn.linear import Sequential as Sequential
from symgrad.nn.linear import Sigmoid as Sigmoid
from symgrad.nn.linear import SiLU as SiLU
from symgrad.nn.linear import Softmax as Softmax
from symgrad.nn.linear import Softplus as Softplus
from symgrad.nn.linear import Tanh as Tanh
