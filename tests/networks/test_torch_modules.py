"""PyTorch modules read through torch.export: values and gradients are the module's own, in float64."""

import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import symgrad as sg  # noqa: E402

nn, F = torch.nn, torch.nn.functional


class Written(nn.Module):
    """A module of one function, with parameters if it wants some."""

    def __init__(self, function, *shapes):
        super().__init__()
        self.function = function
        self.w = nn.ParameterList([nn.Parameter(torch.randn(*shape)) for shape in shapes])

    def forward(self, *inputs):
        return self.function(*inputs, *self.w)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 3, 3, padding=1, bias=False), nn.BatchNorm2d(3)
        self.conv2, self.bn2 = nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3)

    def forward(self, x):
        h = F.relu(self.bn1(self.conv1(x)))
        return F.relu(x + self.bn2(self.conv2(h)))


class Language(nn.Module):
    def __init__(self):
        super().__init__()
        self.token, self.place = nn.Embedding(11, 8), nn.Embedding(6, 8)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, 0.1, "gelu", batch_first=True, norm_first=True)
        self.head = nn.Linear(8, 11, bias=False)
        self.head.weight = self.token.weight

    def forward(self, tokens):
        x = self.token(tokens) + self.place(torch.arange(tokens.shape[1]))
        mask = nn.Transformer.generate_square_subsequent_mask(tokens.shape[1])
        return self.head(self.block(x, mask.double(), is_causal=True))


class Tagger(nn.Module):
    def __init__(self, kind, **more):
        super().__init__()
        self.rnn = kind(4, 5, batch_first=True, **more)
        self.out = nn.Linear(10 if more.get("bidirectional") else 5, 3)

    def forward(self, x):
        return self.out(self.rnn(x)[0])


class Attending(nn.Module):
    def __init__(self, attention):
        super().__init__()
        self.attention = attention

    def forward(self, x):
        return self.attention(x, x, x)[0]


class Cells(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm, self.gru = nn.LSTMCell(4, 3), nn.GRUCell(3, 3, bias=False)
        self.rnn, self.relu = nn.RNNCell(3, 3), nn.RNNCell(3, 3, nonlinearity="relu")

    def forward(self, x):
        h, c = self.lstm(x)
        return self.relu(self.rnn(self.gru(h, c), c))


def written_in_place(x, w):
    h = x * 1
    h.view(-1).mul_(3)
    h[:, 0] = 0.5
    h[:, 1:3] += w[:2]
    h[:, -1] = w[0]
    return h.add_(1) + h


def several(x):
    return {"mean": x.mean(1), "parts": (x.amax(-1), x.std(dim=-1))}


MODULES = {
    "mlp": (nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3)), (5, 4)),
    "cnn": (nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2),
                          nn.Flatten(), nn.Linear(16, 2)), (2, 3, 8, 8)),
    "residual": (Residual(), (2, 3, 5, 5)),
    "groups": (nn.Sequential(nn.Conv2d(4, 8, 3, groups=4, dilation=2), nn.GroupNorm(2, 8), nn.SiLU(), nn.AvgPool2d(2),
                             nn.AdaptiveAvgPool2d(1)), (2, 4, 9, 9)),
    "up": (nn.Sequential(nn.ConvTranspose2d(2, 3, 3, stride=2, padding=1, output_padding=1), nn.Upsample(scale_factor=2)),
           (2, 2, 4, 4)),
    "sequence": (nn.Sequential(nn.Conv1d(4, 5, 3, padding="same"), nn.GELU(), nn.AvgPool1d(2)), (2, 4, 6)),
    "lstm": (Tagger(nn.LSTM, num_layers=2, bidirectional=True), (2, 6, 4)), "gru": (Tagger(nn.GRU), (2, 6, 4)),
    "rnn": (Tagger(nn.RNN, nonlinearity="relu"), (2, 6, 4)), "projected": (nn.LSTM(4, 6, proj_size=3), (5, 2, 4)),
    "heads": (Written(lambda x, a: nn.functional.multi_head_attention_forward(
        x, x, x, 8, 2, a, None, None, None, False, 0.0, torch.eye(8).double(), None)[0], (24, 8)), (5, 3, 8)),
    "encoder": (nn.TransformerEncoderLayer(8, 2, 16, activation="gelu", batch_first=True), (2, 5, 8)),
    "norms": (nn.Sequential(nn.LayerNorm((3, 4)), nn.InstanceNorm1d(3, affine=True), nn.RMSNorm(4, eps=1e-6)), (2, 3, 4)),
    "activations": (nn.Sequential(nn.ELU(0.7), nn.Softplus(), nn.LeakyReLU(0.2), nn.Hardswish(), nn.Mish(), nn.Hardtanh(),
                                  nn.PReLU(), nn.Softsign(), nn.LogSigmoid(), nn.CELU(0.5), nn.SELU(), nn.ReLU6(),
                                  nn.Hardsigmoid(), nn.Softshrink(0.1), nn.GELU("tanh")), (3, 4)),
    "thresholds": (nn.Sequential(nn.Softplus(2, 0.5), nn.RMSNorm(4)), (3, 4)),
    "cells": (Cells(), (2, 4)),
    "rolls": (Written(lambda x: x.roll((1, 2), (0, 1)) + x.roll(1) + x.round(decimals=1)), (3, 4)),
    "norms of any order": (Written(lambda x: torch.stack([torch.linalg.vector_norm(x, p, dim=1) for p in (
        0, 1, 2, 3, float("inf"), float("-inf"))])), (3, 4)),
    "written in place": (Written(written_in_place, (4,)), (3, 4)),
    "written into parts": (nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.ReLU(inplace=True)),
                           (2, 2, 4, 4)),
    "softmaxes": (nn.Sequential(nn.Softmax(-1), nn.LogSoftmax(1), nn.GLU(-1)), (2, 3, 4)),
    "dropout": (nn.Sequential(nn.Dropout(0.5), nn.Linear(4, 2), nn.Dropout(0.1)), (3, 4)),
    "shapes": (Written(lambda x: torch.cat([x.view(x.shape[0], -1, 2).permute(0, 2, 1), x[:, 1:3, None].expand(-1, -1, 3)], 1)
                       .flatten(1).unsqueeze(1).squeeze(1)), (4, 6)),
    "pieces": (Written(lambda x: sum(x.chunk(3, -1)) + x.split([2, 4], -1)[0] + torch.stack(x.unbind(0)[:2]).sum(0)[:2]),
               (4, 6)),
    "matrices": (Written(lambda x, w: torch.einsum("bij,jk->bik", x, w) @ w.T + torch.baddbmm(x, x, x.mT) * 0.1, (3, 3)),
                 (2, 3, 3)),
    "masks": (Written(lambda x: x.masked_fill(torch.ones(4, 4).triu(1).bool(), -2.0).tril().clamp(-1, 1)
                      + torch.where(x > 0, x, x**2)), (2, 4, 4)),
    "reductions": (Written(several), (3, 4, 5)),
    "padding": (Written(lambda x: F.pad(F.pad(x, (1, 2), mode="reflect"), (0, 1, 2, 0), value=0.5)), (2, 3, 4)),
    "attention": (Written(lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True)), (2, 2, 4, 3)),
    "order": (Written(lambda x, w: torch.topk(x * w, 2, 1)[0] + torch.sort(x @ w.diag(), -1, descending=True).values[:, :2]
                      + torch.kthvalue(x, 2, 1, True)[0] + torch.median(x * w, 1, True)[0], (4,)), (3, 4)),
    "remainders": (Written(lambda x, w: torch.remainder(x, w) + torch.fmod(x, 0.7) + x % 2 + x // 3, (4,)), (3, 4)),
    "running": (Written(lambda x, w: torch.cumprod(x * w, 1) + torch.cummax(x, 1)[0] + torch.logcumsumexp(x, 1), (4,)),
                (3, 4)),
    "tensordot": (Written(lambda x, w: torch.tensordot(x, w, ([1, 2], [1, 0])), (4, 3, 2)), (2, 3, 4)),
    "put": (Written(lambda x, w: x.scatter(1, torch.tensor([[1, 1], [2, 3]]), 0.5).scatter_add(1, torch.tensor(
        [[0, 0], [2, 1]]), w).index_put((torch.tensor([1]), torch.tensor([0])), w[0, 0]), (2, 2)), (2, 4)),
    "sampled": (Written(lambda x, w: F.grid_sample(x, w.expand(2, -1, -1, -1), align_corners=False) + F.grid_sample(
        x, w.expand(2, -1, -1, -1), "bicubic", "reflection", True) + F.grid_sample(
        x, w.expand(2, -1, -1, -1), "nearest", "border", True), (3, 2, 2)), (2, 2, 4, 5)),
    "folded": (nn.Sequential(nn.Fold((5, 4), 2, padding=1, stride=(2, 1)), nn.Tanh()), (2, 8, 15)),
    "factors": (Written(lambda x, w: torch.linalg.solve(w @ w.T + torch.eye(4), x.T).T @ torch.linalg.cholesky(
        w @ w.T + torch.eye(4)) + torch.linalg.slogdet(w)[1] + torch.logdet(w @ w.T + torch.eye(4)) + torch.cdist(x, w)
        + torch.linalg.eigvalsh(w @ w.T) + torch.linalg.svdvals(w) + torch.linalg.pinv(w)[0] + torch.linalg.cross(
            x[:, :3], w[:3, :3], dim=1).sum() + torch.linalg.solve_triangular(w.tril() + 3 * torch.eye(4), x.T,
                                                                              upper=False).T, (4, 4)), (3, 4)),
    "of others": (Written(lambda x, w: F.huber_loss(x, w.expand_as(x), delta=0.5) + torch.var_mean(x, 1)[1]
                          + F.smooth_l1_loss(x, x * w) + F.pairwise_distance(x, w.expand_as(x)) + torch.diff(x).sum(1),
                          (4,)), (3, 4)),
    "bilinear": (Written(lambda x: F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)), (1, 2, 3, 4)),
}


def flat(value, name=""):
    if isinstance(value, dict):
        return {k: v for key, each in value.items() for k, v in flat(each, f"{name}.{key}" if name else key).items()}
    if isinstance(value, (tuple, list)):
        return {k: v for i, each in enumerate(value, 1) for k, v in flat(each, f"{name or 'output'}_{i}").items()}
    return {name or "output": value}


def agree(module, inputs):
    module = module.double().eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = sg.from_torch(module, *inputs)
    assert list(network.parameters) == [n for n, _ in module.named_parameters() if n in network.parameters]
    wanted = flat(module(*inputs))
    arrays = dict(zip(network.inputs, (t.detach().numpy() for t in inputs)))
    found = network(**arrays)
    assert list(found) == list(wanted)
    for name, value in wanted.items():
        np.testing.assert_allclose(found[name], value.detach().numpy(), rtol=1e-9, atol=1e-10, err_msg=name)
    total = sum((value**2).sum() for value in wanted.values())
    ours = sg.sum(sum(sg.sum(t**2) for t in network.outputs.values()))
    if not network.parameters:
        return network
    slopes = sg.gradient(ours, network.parameters)
    values = sg.function({**network.inputs, **network.parameters}, slopes)(**arrays, **network.values)
    named = dict(module.named_parameters())
    exact = torch.autograd.grad(total, [named[name] for name in network.parameters], allow_unused=True)
    for name, slope in zip(network.parameters, exact, strict=True):
        np.testing.assert_allclose(values[name], slope.numpy(), rtol=1e-7, atol=1e-8, err_msg=name)
    return network


@pytest.mark.parametrize("name", MODULES)
def test_values_and_gradients_are_the_modules(name):
    torch.manual_seed(0)
    module, shape = MODULES[name]
    for each in module.modules():  # running statistics that are not those of the start
        if isinstance(each, nn.modules.batchnorm._BatchNorm) and each.running_mean is not None:
            each.running_mean.normal_()
            each.running_var.uniform_(0.5, 2)
    agree(module, [torch.randn(*shape).double()])


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_bags_of_embeddings(mode):
    torch.manual_seed(0)
    agree(nn.EmbeddingBag(6, 3, mode=mode, padding_idx=1), [torch.tensor([[1, 0, 2], [3, 1, 0]])])
    bag = Written(lambda i, w: F.embedding_bag(i, w, torch.tensor([0, 2, 2]), mode=mode), (6, 3))
    agree(bag, [torch.tensor([1, 0, 2, 3, 3])])


def test_classes_as_ones():
    torch.manual_seed(0)
    agree(Written(lambda i, w: F.one_hot(i, 5).to(w.dtype) @ w, (5, 2)), [torch.tensor([[1, 0], [4, 4]])])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_labels_that_are_not_counted(reduction):
    torch.manual_seed(0)
    share, smooth = torch.tensor([0.2, 1.0, 3.0]).double(), 0.1
    whole = Written(lambda x, y: F.cross_entropy(x, y, share, ignore_index=1, reduction=reduction, label_smoothing=smooth))
    agree(whole, [torch.randn(4, 3, 2).double(), torch.tensor([[0, 1], [2, 1], [0, 0], [2, 2]])])
    soft = Written(lambda x, y: F.cross_entropy(x, y.softmax(1), share, reduction=reduction, label_smoothing=smooth))
    agree(soft, [torch.randn(4, 3).double(), torch.randn(4, 3).double()])
    loss = Written(lambda x, y: F.cross_entropy(x, y, ignore_index=1, reduction=reduction))
    agree(loss, [torch.randn(4, 3).double(), torch.tensor([0, 1, 2, 1])])
    usual = Written(lambda x, y: F.cross_entropy(x, y, reduction=reduction))  # -100 is an index of 120 classes, too
    agree(usual, [torch.randn(4, 120).double(), torch.tensor([0, -100, 119, -100])])


def test_of_equal_entries_the_last_is_the_greatest_so_far():
    agree(Written(lambda x: list(torch.cummax(x, 1))), [torch.tensor([[1.0, 2, 2, 1], [0, 0, 0, 0], [3, 1, 3, 4]]).double()])


def test_the_first_axis_of_several_inputs_stays_open():
    network = sg.from_torch(Written(lambda x, y: x @ y), torch.randn(3, 2, 4), torch.randn(3, 4, 5))
    assert [t.shape for t in network.inputs.values()] == [(sg.dim("N"), 2, 4), (sg.dim("N"), 4, 5)]


def test_a_language_model_with_tied_weights():
    torch.manual_seed(0)
    network = agree(Language(), [torch.randint(0, 11, (2, 6))])
    assert "token.weight" in network.parameters and network.inputs["tokens"].dtype == "integer"


def test_layers_are_whole_and_named():
    torch.manual_seed(0)
    network = sg.from_torch(Tagger(nn.LSTM), torch.randn(2, 6, 4))
    assert [(step.operator, step.node) for step in network.steps] == [("LSTM", "rnn"), ("Linear", "out")]
    assert list(network.parameters)[:2] == ["rnn.weight_ih_l0", "rnn.weight_hh_l0"] and list(network.inputs) == ["x"]
    attention = nn.MultiheadAttention(8, 2, batch_first=True)
    steps = sg.from_torch(Attending(attention), torch.randn(2, 5, 8)).steps
    assert [step.operator for step in steps] == ["MultiheadAttention"]


def test_the_first_axis_stays_open_and_modules_stay_as_they_are():
    module = nn.Sequential(nn.Linear(4, 2), nn.Dropout(0.5)).train()
    network = sg.from_torch(module, torch.randn(3, 4))
    assert network.inputs["input"].shape == (sg.dim("N"), 4) and module.training and module[1].training
    x = np.random.default_rng(0).standard_normal((7, 4)).astype(np.float32)
    found = network(x)["output"]
    np.testing.assert_allclose(found, module.eval()(torch.tensor(x)).detach().numpy(), rtol=1e-4, atol=1e-5)


def test_it_is_trained_on_where_the_module_stands():
    torch.manual_seed(0)
    network = sg.from_torch(nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)), torch.randn(6, 4))
    logits = network.outputs["output"]
    y = sg.labels("y", classes=3, shape=sg.dim("N"))
    model = sg.Model(sg.losses.cross_entropy(logits, y), logits)
    model.parameters = network.values
    rng = np.random.default_rng(0)
    batch = {"input": rng.standard_normal((20, 4)), "y": rng.integers(0, 3, 20)}
    before = model.evaluate(batch)["loss"]
    model.fit(batch, sg.optim.Adam(0.05), epochs=40, progress=False)
    assert model.evaluate(batch)["loss"] < before / 2


def test_what_cannot_be_read_is_one_message():
    with pytest.raises(sg.SymgradError, match=r"from_torch: operator __lshift__: the operator is not known"):
        sg.from_torch(Written(lambda x: x << 1), torch.tensor([1, 2]))
    with pytest.raises(sg.SymgradError, match="torch.export cannot export Written: "):
        sg.from_torch(Written(lambda x: x if float(x.sum()) > 0 else -x), torch.randn(3))
    with pytest.raises(sg.SymgradError, match="from_torch: give a torch.nn.Module, not function"):
        sg.from_torch(lambda x: x, torch.randn(3))
