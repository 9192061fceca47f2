"""What people write who come from PyTorch, SymPy, JAX or NumPy, and what it is called here: one line each.

Tensors, the package and `sg.nn` look a name up here that they do not have.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import wraps
from types import MappingProxyType
from typing import Any, NoReturn, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

KEYWORDS = {"dim": "axis", "dims": "axis", "keepdim": "keepdims"}


def _table(text: str) -> Mapping[str, str]:
    """Names, a bar, and what to write for all of them."""
    rows = [line.partition(" | ") for line in text.strip().splitlines()]
    return MappingProxyType({name: hint for names, _, hint in rows for name in names.split()})


TENSOR = _table("""
backward grad diff requires_grad requires_grad_ retain_grad | gradients are expressions: sg.gradient(L, w)
item tolist numpy tobytes evalf nonzero cpu | a symbolic tensor has no values: t.eval(name=array) computes them
subs xreplace | values are given by name: t.eval(x=array), or sg.function([x, w], t)
fill put sort partition resize zero_ add_ mul_ copy_ fill_ | a tensor is immutable: write a new expression
detach | sg.stop_gradient(t)
lambdify | sg.function([x, w], t)
simplify | sg.simplify(t)
view | t.reshape(shape)
permute | t.transpose(axes)
unsqueeze | sg.expand_dims(t, axis)
expand | sg.broadcast_to(t, shape)
contiguous | tensors have no layout: leave it out
float double half | t.astype(float); sg.function(..., dtype="float32") chooses the precision
long | t.astype(int)
bool | t.astype(bool)
to cuda device | sg.function(..., backend=, dtype=) chooses device and precision
t | t.T
mm bmm matmul | a @ b
numel | t.size
dim | t.ndim
eq | sg.equal(a, b)
free_symbols | sg.graph(t) lists them
exp | sg.exp(t)
log | sg.log(t)
sqrt | sg.sqrt(t)
abs | sg.abs(t)
sign floor sin cos tan tanh sinh cosh erf | sg.tanh(t), and the others alike
sigmoid softplus relu silu square softmax log_softmax | sg.sigmoid(t), and the others alike
logsumexp norm flip roll pad split argsort | sg.logsumexp(t, axis), and the others alike
inv det logdet cholesky tril triu diag | sg.inv(t), and the others alike
""")
PACKAGE = _table("""
grad value_and_grad diff derivative backward autograd | sg.gradient(y, x)
jacrev jacfwd | sg.jacobian(y, x)
jit lambdify compile | sg.function(inputs, outputs)
vmap | data with a sample axis: sg.data(name, shape, over=T)
Symbol symbols Variable Input placeholder MatrixSymbol | sg.data(name, shape), sg.parameter(name, shape), sg.dims(names)
tensor array asarray Constant | sg.constant(array)
Parameter | sg.parameter(name, shape)
zeros_like ones_like | sg.zeros(t.shape), sg.ones(t.shape)
randn rand random normal | sg.parameter(name, shape, init="normal"), or sg.data and NumPy's random arrays
cat concat | sg.concatenate(parts, axis)
vstack hstack tile moveaxis inner vdot | np.vstack(parts): NumPy's own take tensors
add subtract multiply divide mul sub div | a + b, a - b, a * b, a / b
mm bmm | a @ b
pow power | x ** y
eq | sg.equal(a, b)
ne not_equal | sg.logical_not(sg.equal(a, b))
less less_equal greater greater_equal | a < b, a <= b, a > b, a >= b
permute | sg.transpose(t, axes)
unsqueeze | sg.expand_dims(t, axis)
view | sg.reshape(t, shape)
detach no_grad | sg.stop_gradient(t)
amax amin | sg.max(t, axis), sg.min(t, axis)
slogdet | sg.logdet(a), sg.sign(sg.det(a))
linalg | sg.inv, sg.solve, sg.det, sg.logdet, sg.cholesky, sg.norm
pi | np.pi
cross_entropy | sg.losses.cross_entropy(logits, target)
mse_loss | sg.losses.mse(prediction, target)
functional | sg.relu, sg.softmax, sg.losses.cross_entropy, ...
Adam AdamW SGD RMSprop | sg.optim.Adam(lr), and the others alike
train fit save | sg.Model(loss), its fit(data) and save(path)
report | sg.Model(loss).report("page.html")
load_onnx read_onnx import_onnx from_file | sg.from_onnx(path)
export_onnx save_onnx write_onnx | sg.to_onnx(outputs, path, values)
onnx | sg.from_onnx(path), sg.to_onnx(outputs, path, values), sg.audit(network)
torch load_torch from_pytorch | sg.from_torch(module, *example_inputs)
NetClassifier MLPClassifier Classifier | sg.estimators.NetClassifier(hidden_layer_sizes=(16,))
NetRegressor MLPRegressor Regressor | sg.estimators.NetRegressor(hidden_layer_sizes=(16,))
fori_loop while_loop for_loop | sg.scan(step, init, xs, length)
Linear Conv2d LSTM GRU RNN Sequential | layers are in sg.nn: sg.nn.Linear(...), and the others alike
BatchNorm1d BatchNorm2d LayerNorm Dropout Embedding | layers are in sg.nn: sg.nn.Dropout(...), and the others alike
load_state_dict initialise | sg.nn.load_state_dict(net, state), sg.nn.initialise(net)
serve | symgrad serve, in a shell
latex | t.latex()
pprint | print(t.pretty())
""")
NN = _table("""
CrossEntropyLoss | sg.losses.cross_entropy(logits, target)
NLLLoss | sg.losses.nll(log_p, target)
MSELoss | sg.losses.mse(prediction, target)
L1Loss | sg.losses.mae(prediction, target)
HuberLoss | sg.losses.huber(prediction, target)
SmoothL1Loss | sg.losses.smooth_l1(prediction, target)
BCEWithLogitsLoss | sg.losses.binary_cross_entropy_with_logits(logits, target)
BCELoss | sg.losses.binary_cross_entropy(p, target)
PoissonNLLLoss GaussianNLLLoss | sg.losses.poisson_nll(logits, target), and gaussian_nll
CTCLoss | sg.losses.ctc(log_probs, targets, input_lengths, target_lengths)
KLDivLoss | sg.losses.kl_divergence(p, q)
HingeEmbeddingLoss | sg.losses.hinge(prediction, target)
Parameter | sg.parameter(name, shape)
functional | sg.relu, sg.softmax, sg.losses.cross_entropy, ...
ModuleList | a Python list; sg.nn.Sequential calls one layer after the other
init | sg.nn.initialise(layer, "torch"), or sg.nn.Linear(..., init="kaiming_normal")
Transformer TransformerEncoder TransformerDecoder | sg.nn.TransformerEncoderLayer(...), one after another
RNNCell LSTMCell GRUCell | sg.nn.LSTM(...), and the others alike; a step of one's own: sg.scan(step, init, xs)
AdaptiveMaxPool1d AdaptiveMaxPool2d | sg.nn.MaxPool2d(kernel_size), or of all pixels sg.max(t, axis=(-2, -1))
Unflatten | t.reshape(shape)
Softmax2d | sg.nn.Softmax(dim=-3)
Threshold | sg.where(t > threshold, t, value)
CosineSimilarity CosineEmbeddingLoss | sg.cosine_similarity(a, b, axis=-1)
TripletMarginLoss | sg.relu(sg.norm(a - p) - sg.norm(a - n) + margin)
UpsamplingNearest2d UpsamplingBilinear2d | sg.nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
LazyLinear LazyConv2d | sg.nn.Linear(in_features, out_features): sizes are given, a symbol of sg.dim among them
ModuleDict | a Python dict; sg.nn.Module finds layers among attributes, and in lists
EmbeddingBag | sg.mean(sg.nn.Embedding(n, d)(i), axis=-2)
AlphaDropout FeatureAlphaDropout | sg.nn.Dropout
ZeroPad1d ZeroPad3d | sg.nn.ConstantPad1d(padding, 0), sg.pad(t, width)
CircularPad1d CircularPad2d | sg.pad(t, width, mode="circular")
Dropout1d Dropout3d | sg.nn.Dropout and Dropout2d
Dense | sg.nn.Linear(in_features, out_features)
Layer | sg.nn.Module
""")
LAYER = _table("""
train eval training | a model's fit trains, its predict does not: layers have no mode; sg.function(..., training=True)
state_dict | model.state_dict(layer), of the model that has its numbers
load_state_dict | model.load_state_dict(layer, state), or sg.nn.load_state_dict(layer, state) before it is used
zero_grad | nothing is accumulated: sg.gradient(loss, layer.parameters())
requires_grad_ | layer.freeze()
to cuda cpu half double float | sg.Model(loss, backend=, dtype=) chooses device and precision
modules named_modules | layer.children(), layer.named_children()
register_buffer register_parameter add_module register_module | an attribute: self.name = sg.parameter(name, shape)
apply reset_parameters | sg.nn.initialise(layer, init)
weight_ih_l0 weight_hh_l0 bias_ih_l0 bias_hh_l0 | dict(layer.named_parameters())
""")


OPTIM = _table("""
Adadelta Adamax NAdam RAdam ASGD Rprop Lion LAMB Adafactor | its formulas as a rule: sg.optim.rule(name, formulas)
Momentum Nesterov | sg.optim.SGD(lr, momentum=0.9, nesterov=True)
GD GradientDescent | sg.optim.SGD(lr)
BFGS LBFGSB | sg.optim.LBFGS(lr)
LM Marquardt | sg.optim.LevenbergMarquardt()
lr_scheduler LRScheduler LambdaLR | optimizer.scheduled(sg.optim.StepLR(30)); sg.optim.schedule(name, formula)
CosineAnnealingLR CosineDecay | sg.optim.CosineLR(epochs)
ReduceLROnPlateau | sg.optim.ReduceOnPlateau()
LinearLR | sg.optim.Warmup(epochs)
clip_grad_norm clip_grad_norm_ clip | sg.optim.clip_norm(optimizer, max_norm)
minimize | sg.minimize(loss, wrt, data)
""")
LOSSES = _table("""
ce xent softmax_cross_entropy CrossEntropyLoss categorical_crossentropy | sg.losses.cross_entropy(logits, target)
sparse_categorical_crossentropy | sg.losses.cross_entropy(logits, labels)
bce binary_crossentropy BCELoss log_loss | sg.losses.binary_cross_entropy(p, target), and one with_logits
bce_with_logits BCEWithLogitsLoss | sg.losses.binary_cross_entropy_with_logits(logits, target)
l1 L1Loss l1_loss mean_absolute_error | sg.losses.mae(prediction, target)
l2 MSELoss mse_loss mean_squared_error | sg.losses.mse(prediction, target)
sse squared_loss | sg.losses.squared_error(prediction, target)
kl kl_div KLDivLoss | sg.losses.kl_divergence(log_prediction, target)
nll_loss NLLLoss | sg.losses.nll(log_probabilities, target)
ctc_loss CTCLoss | sg.losses.ctc(log_probs, targets, input_lengths, target_lengths)
smooth_l1_loss SmoothL1Loss | sg.losses.smooth_l1(prediction, target)
huber_loss HuberLoss | sg.losses.huber(prediction, target)
""")
ESTIMATORS = _table("""
MLPClassifier Classifier SymgradClassifier | sg.estimators.NetClassifier(hidden_layer_sizes=(16,))
MLPRegressor Regressor SymgradRegressor | sg.estimators.NetRegressor(hidden_layer_sizes=(16,))
""")


OTHERS = MappingProxyType({  # what is no tensor, but has some, by the name of its class
    "Model": "its tensors are model.loss and model.prediction",
    "ReadNetwork": "its tensors are those of network.outputs, a dict by name",
})


def axis_named(function: Callable[P, R]) -> Callable[P, R]:
    """A function of axes, which says how its arguments are called here where PyTorch's names come."""
    @wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        if kwargs:
            for name in KEYWORDS.keys() & kwargs.keys():
                raise TypeError(f"{function.__name__}: write {KEYWORDS[name]}=, not {name}=")
        return function(*args, **kwargs)

    return called


def no_tensor(operation: str, value: Any) -> NoReturn:
    """The error for what is no tensor, number or array, with where its tensors are."""
    hint = OTHERS.get(type(value).__name__, "call it on its input, net(x), for a tensor" if callable(value) else "")
    found = f"got {type(value).__name__}" + (f"; {hint}" if hint else "")
    raise TypeError(f"{operation}: expected a tensor, number or array, {found}")


def missing(where: str, name: str, known: Mapping[str, str], there: Iterable[str] = ()) -> NoReturn:
    """The error for a name that is not there, with what to write instead, or which of those that are `there` is like it."""
    hint = known.get(name)
    if hint is None and not name.startswith("_"):
        close = like(name, there)
        hint = f"did you mean {close}?" if close else None
    raise AttributeError(f"{where} has no attribute {name!r}" + (f": {hint}" if hint else ""))


def like(name: str, there: Iterable[str]) -> str:
    """The name that is most like another: the same in capitals, or but for a letter or two; empty where none is.

    >>> like("adam", ["Adam", "AdamW"]), like("CrossEntropy", ["cross_entropy", "nll"]), like("kitten", ["mse"])
    ('Adam', 'cross_entropy', '')
    """
    plain = {each.lower().replace("_", ""): each for each in there}
    close = get_close_matches(name.lower().replace("_", ""), plain, n=1, cutoff=0.75)
    return plain[close[0]] if close else ""


def hints(module: str, known: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` of a module of ours: what to write instead of a name that it has not."""
    def of_name(name: str) -> Any:
        own = [each for each, value in vars(sys.modules[module]).items()
               if not each.startswith("_") and str(getattr(value, "__module__", "")).startswith(module)]
        missing(f"module {module!r}", name, known, own)

    return of_name


def missing_of_tensor(t: Any, name: str) -> NoReturn:
    """`t.backward`, `t.exp`, ...: what a tensor does not have."""
    missing("a tensor", name, TENSOR, [each for each in dir(type(t)) if not each.startswith("_")])
