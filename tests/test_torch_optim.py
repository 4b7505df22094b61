"""TorchRule beside torch.optim: same numbers, same habits, no silent nan."""

import copy
import io
import pickle

import numpy as np
import pytest
import torch

from optlib import Optimizer, rule, rules, schedules, tasks
from optlib.torch_optim import TorchRule

MODEL = tasks.mlp((5, 7, 3), layer_norm=True)


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def net(dtype=torch.float64):
    return MODEL(1).to(dtype)


def descend(model, optimizer, steps, *, start=0, scheduler=None):
    """Train on noisy quadratics around fixed targets -> all parameters, flat."""
    for step in range(start, start + steps):
        generator = torch.Generator().manual_seed(step)
        optimizer.zero_grad()
        for p in model.parameters():
            noise = torch.randn(p.shape, generator=generator, dtype=torch.float64)
            p.grad = (p.detach() - 1) + noise.to(p.dtype)
        optimizer.step()
        if scheduler is not None:
            scheduler.step()
    return torch.cat([p.detach().reshape(-1) for p in model.parameters()])


def relative(a, b):
    return float((a - b).abs().max() / b.abs().max())


PAIRS = {
    "gradient descent": (
        lambda p: TorchRule(p, "gradient_descent", lr=0.1, l2=0.01),
        lambda p: torch.optim.SGD(p, lr=0.1, weight_decay=0.01),
    ),
    "momentum": (
        lambda p: TorchRule(p, rules.momentum, lr=0.05, beta=0.8),
        lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.8),
    ),
    "adam": (
        lambda p: TorchRule(p, "adam", lr=0.02, beta2=0.99, l2=0.1),
        lambda p: torch.optim.Adam(p, lr=0.02, betas=(0.9, 0.99), weight_decay=0.1),
    ),
    "adamw": (
        lambda p: TorchRule(p, "adamw", lr=0.02, weight_decay=0.1),
        lambda p: torch.optim.AdamW(p, lr=0.02, weight_decay=0.1),
    ),
}
SCHEDULERS = {
    "none": lambda o: None,
    "cosine": lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 60),
    "warm-up": lambda o: torch.optim.lr_scheduler.SequentialLR(
        o,
        [
            torch.optim.lr_scheduler.LinearLR(o, 0.1, total_iters=20),
            torch.optim.lr_scheduler.StepLR(o, 30),
        ],
        [20],
    ),
}


@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("pair", PAIRS)
def test_same_numbers_as_torch(pair, scheduler):
    ends = []
    for make in PAIRS[pair]:
        model = net()
        optimizer = make(model.parameters())
        ends.append(descend(model, optimizer, 200, scheduler=SCHEDULERS[scheduler](optimizer)))
    assert relative(*ends) < 1e-13


@pytest.mark.parametrize("name", [n for n, r in rules.ALL.items() if r.at is None])
def test_every_rule_steps_as_optimizer_does(name):
    start = np.random.default_rng(0).normal(size=(2, 4, 3))
    matrix = torch.nn.Parameter(torch.tensor(start[0]))
    ours, theirs = TorchRule([matrix], name), Optimizer(name, start[0])
    array = start[0]
    for k in range(5):
        g = start[1] * (1 + k)
        matrix.grad = torch.tensor(g)
        ours.step()
        array = theirs.step(array, g)
    assert np.allclose(matrix.detach().numpy(), array, rtol=1e-12, atol=1e-14)


def test_groups_have_their_own_hyperparameters():
    model, twin = net(), net()
    layers, copies = list(model.parameters()), list(twin.parameters())
    ours = TorchRule(
        [{"params": layers[:2]}, {"params": layers[2:], "lr": 0.5, "l2": 0.2}], "momentum", lr=0.1
    )
    theirs = torch.optim.SGD(
        [{"params": copies[:2]}, {"params": copies[2:], "lr": 0.5, "weight_decay": 0.2}],
        lr=0.1,
        momentum=0.9,
    )
    assert relative(descend(model, ours, 50), descend(twin, theirs, 50)) < 1e-13


def test_schedule_is_the_rules_own_and_starts_at_one():
    model, twin = net(), net()
    ours = TorchRule(model.parameters(), "adam", lr=schedules.cosine(lr=0.1, steps=40))
    theirs = torch.optim.Adam(twin.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(theirs, 40)
    a, b = descend(model, ours, 40), descend(twin, theirs, 40, scheduler=scheduler)
    assert relative(a, b) < 1e-13


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("rate", [0.05, schedules.exponential(lr=0.05, gamma=0.99)])
def test_resume_is_bit_exact(compiled, rate):
    settings = {"lr": rate, "l2": 0.01, "compile": compiled}
    whole = net(torch.float32)
    expected = descend(whole, TorchRule(whole.parameters(), "adam", **settings), 20)

    first = net(torch.float32)
    optimizer = TorchRule(first.parameters(), "adam", **settings)
    descend(first, optimizer, 11)
    file = io.BytesIO()
    torch.save((first.state_dict(), optimizer.state_dict()), file)
    file.seek(0)

    second = net(torch.float32)
    resumed = TorchRule(second.parameters(), "adam", compile=compiled)
    weights, state = torch.load(file, weights_only=False)
    second.load_state_dict(weights)
    resumed.load_state_dict(state)
    assert torch.equal(descend(second, resumed, 9, start=11), expected)


def test_copies_and_pickles():
    model = net()
    optimizer = TorchRule(model.parameters(), "adam", lr=0.05)
    descend(model, optimizer, 3)
    for twin in (copy.deepcopy((model, optimizer)), pickle.loads(pickle.dumps((model, optimizer)))):
        assert torch.equal(
            descend(twin[0], twin[1], 4, start=3),
            descend(*copy.deepcopy((model, optimizer)), 4, start=3),
        )


def test_state_of_another_rule_is_refused():
    model = net()
    saved = TorchRule(model.parameters(), "momentum").state_dict()
    with pytest.raises(ValueError, match="belongs to momentum, this optimizer is adam"):
        TorchRule(model.parameters(), "adam").load_state_dict(saved)


def test_closure():
    w = torch.nn.Parameter(torch.tensor([3.0]))
    optimizer = TorchRule([w], "gradient_descent", lr=0.25)

    def closure():
        optimizer.zero_grad()
        loss = (w**2).sum()
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 9.0
    assert w.item() == 1.5


def test_parameters_without_gradient_stay():
    a, b = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
    optimizer = TorchRule([a, b], "adam")
    a.grad = torch.ones(2)
    optimizer.step()
    assert torch.equal(b, torch.ones(2))
    assert not optimizer.state[b]


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
def test_bad_gradient_leaves_everything_untouched(bad, compiled):
    model = net(torch.float32)
    optimizer = TorchRule(model.parameters(), "adam", lr=0.1, compile=compiled)
    descend(model, optimizer, 2)
    before = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    list(model.parameters())[-1].grad[0] = bad  # the last one: the others must not have moved
    with pytest.raises(ValueError, match=r"gradient of parameter 5.*nan or inf"):
        optimizer.step()
    assert_same(before, (model.state_dict(), optimizer.state_dict()))


def assert_same(a, b):
    a, b = (pickle.dumps(_plain(x)) for x in (a, b))
    assert a == b


def _plain(x):
    if isinstance(x, dict):
        return {k: _plain(v) for k, v in x.items()}
    if isinstance(x, (list, tuple)):
        return [_plain(v) for v in x]
    return x.tolist() if isinstance(x, torch.Tensor) else x


def test_check_false_lets_it_through():
    w = torch.nn.Parameter(torch.ones(2))
    w.grad = torch.tensor([float("nan"), 1.0])
    TorchRule([w], "gradient_descent", lr=1.0, check=False).step()
    assert torch.isnan(w[0]) and w[1] == 0


def test_large_gradients_whose_sum_overflows_are_finite():
    w = torch.nn.Parameter(torch.ones(4))
    w.grad = torch.full((4,), 3e38)
    TorchRule([w], "lion", lr=0.1).step()
    assert torch.isfinite(w).all()


def test_overflow_of_parameters_is_refused():
    w = torch.nn.Parameter(torch.ones(2))
    optimizer = TorchRule([w], "momentum", lr=1e30)
    w.grad = torch.full((2,), 1e30)
    with pytest.raises(FloatingPointError, match="step 1 of momentum"):
        optimizer.step()
    assert torch.equal(w, torch.ones(2)) and not optimizer.state[w]


@pytest.mark.parametrize("compiled", [False, True])
def test_zero_over_zero_names_eps(compiled):
    first, second = (torch.nn.Parameter(torch.ones(2)) for _ in range(2))
    optimizer = TorchRule([first, second], "adam", eps=0, compile=compiled)
    first.grad, second.grad = torch.ones(2), torch.tensor([1.0, 0.0])
    with pytest.raises(ValueError, match="eps must be positive here, got 0"):
        optimizer.step()
    assert torch.equal(first, torch.ones(2)) and not optimizer.state[first]


def test_look_ahead_is_refused_with_the_other_form():
    with pytest.raises(ValueError, match="use nesterov_torch"):
        TorchRule(net().parameters(), "nesterov")


@pytest.mark.parametrize(
    "settings, error, text",
    [
        ({"lr": -1}, ValueError, "lr must be a number in"),
        ({"lr": "0.1"}, TypeError, "lr must be a number or a schedule"),
        ({"beta1": 1.0}, ValueError, "beta1"),
        ({"l2": -1}, ValueError, "l2"),
        ({"betas": (0.9, 0.99)}, TypeError, "no hyperparameter 'betas'"),
        ({"lr": float("nan")}, ValueError, "lr"),
    ],
)
def test_bad_hyperparameters(settings, error, text):
    with pytest.raises(error, match=text):
        TorchRule(net().parameters(), "adam", **settings)
    with pytest.raises(error, match=text):
        TorchRule([{"params": net().parameters(), **settings}], "adam")


def test_hyperparameters_set_later_are_checked():
    w = torch.nn.Parameter(torch.ones(2))
    optimizer = TorchRule([w], "adam")
    w.grad = torch.ones(2)
    optimizer.param_groups[0]["lr"] = -1.0
    with pytest.raises(ValueError, match="lr must be a number"):
        optimizer.step()
    optimizer.param_groups[0]["lr"] = np.ones(2)
    with pytest.raises(ValueError, match="lr must be one number"):
        optimizer.step()
    assert torch.equal(w, torch.ones(2))


def test_unknown_rule_and_bad_parameters():
    with pytest.raises(ValueError, match="Did you mean adam"):
        TorchRule(net().parameters(), "adan")
    with pytest.raises(ValueError, match="empty"):
        TorchRule([], "adam")
    with pytest.raises(TypeError, match="real floating-point"):
        TorchRule([torch.zeros(2, dtype=torch.complex64, requires_grad=True)], "adam")


def test_sparse_gradient_is_refused():
    w = torch.nn.Parameter(torch.ones(2))
    w.grad = torch.ones(2).to_sparse()
    with pytest.raises(ValueError, match="sparse"):
        TorchRule([w], "adam").step()


@rule
def remembers(theta, g, old_g=0, old_theta=0, *, t, lr=0.1):
    """A rule whose state is its own input: the gradient and the parameters as they were."""
    return theta - lr * (g + old_g + old_theta), g, theta


@pytest.mark.parametrize("compiled", [False, True])
def test_state_is_never_the_gradient_or_parameter_itself(compiled):
    w, v = torch.nn.Parameter(torch.ones(3)), np.ones(3)
    ours, theirs = TorchRule([w], remembers, compile=compiled), Optimizer(remembers, v)
    w.grad = torch.zeros(3)
    for k in range(4):
        w.grad.fill_(k + 1.0)  # the same tensor again and again, as zero_grad(False) leaves it
        ours.step()
        v = theirs.step(v, np.full(3, k + 1.0))
    assert np.allclose(w.detach().numpy(), v, rtol=1e-6)


# compile=True ------------------------------------------------------------------------------------

# Enough to meet every word of the vocabulary: norm and ratio, sign, maximum, where, a matrix.
COMPILED = ("momentum", "adam", "amsgrad", "radam", "lamb_timm", "lion", "muon")


@pytest.mark.parametrize("name", COMPILED)
def test_compiled_is_the_same_rule(name):
    ends = []
    for compiled in (False, True):
        model = tasks.mlp((5, 7, 3))(1)
        layers = [p for p in model.parameters() if name != "muon" or p.ndim == 2]
        optimizer = TorchRule(layers, name, compile=compiled, l2=0.01)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 30)
        ends.append(descend(model, optimizer, 20, scheduler=scheduler))
    assert relative(*ends) < 1e-6


def test_compiled_writes_in_place_for_any_layout():
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(2, 3, 4, 4, generator=generator)
    results = []
    for compiled in (False, True):
        image = torch.nn.Parameter(start.clone().to(memory_format=torch.channels_last))
        scalar = torch.nn.Parameter(torch.tensor(2.0))
        address = image.data_ptr()
        optimizer = TorchRule([image, scalar], "lamb", compile=compiled)
        for _ in range(3):
            image.grad, scalar.grad = image.detach() * 2, torch.tensor(1.0)
            optimizer.step()
        assert image.data_ptr() == address
        results.append(torch.cat([image.detach().reshape(-1), scalar.detach().reshape(1)]))
    assert relative(*results) < 1e-6


def test_compiled_rate_change_does_not_compile_again():
    w = torch.nn.Parameter(torch.ones(8))
    optimizer = TorchRule([w], "gradient_descent", compile=True)
    w.grad = torch.ones(8)
    torch._dynamo.reset()
    rates = [0.1 / (k + 1) for k in range(5)]
    with torch._dynamo.config.patch(error_on_recompile=True):
        traces = set()
        for lr in rates:
            optimizer.param_groups[0]["lr"] = lr
            optimizer.step()
            traces.add(len(optimizer._compiled.parts))
    assert len(traces) == 1
    assert w[0].item() == pytest.approx(1 - sum(rates))


def test_a_missing_compiler_is_named_and_nothing_changes(monkeypatch):
    def fails(*inputs):
        raise RuntimeError("No working C++ compiler found")

    w = torch.nn.Parameter(torch.ones(2))
    optimizer = TorchRule([w], "adam", compile=True)
    w.grad = torch.ones(2)
    monkeypatch.setattr(optimizer._compiled, "parts", {})
    monkeypatch.setattr(optimizer._compiled, "_trace", lambda *_: (lambda *v: v, fails))
    with pytest.raises(RuntimeError, match="compile=True needs a C\\+\\+ compiler"):
        optimizer.step()
    assert torch.equal(w, torch.ones(2)) and not optimizer.state[w]


def test_groups_may_carry_what_torch_keeps_in_them():
    w = torch.nn.Parameter(torch.ones(2))
    group = {"params": [w], "name": "all", "initial_lr": 0.1, "lr": 0.01}
    optimizer = TorchRule([group], "adam")
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2, last_epoch=0)
    assert scheduler.get_last_lr() == [0.01]
    assert optimizer.param_groups[0]["name"] == "all"


def test_named_parameters():
    model, twin = net(), net()
    a = descend(model, TorchRule(model.named_parameters(), "adam", lr=0.1), 5)
    assert torch.equal(a, descend(twin, TorchRule(twin.parameters(), "adam", lr=0.1), 5))
