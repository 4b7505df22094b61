"""The questions of Chapter 8, recomputed: right answers, wrong ones, and the numbers in words."""

import numpy as np
import pytest
import torch
from test_questions import chapter_questions, numbers_are, option, says

from optlib import rule, run, schedules, surfaces
from optlib.live.equilibrium import wander
from optlib.ops import sqrt

CHAPTER = chapter_questions("08_*.ipynb")
RECOMPUTED = {}


def recomputes(name):
    """The function checks the question of this name."""
    return lambda function: RECOMPUTED.setdefault(name, function)


@rule
def decayed_adagrad(theta, g, s=0, *, t, lr=1e-2, weight_decay=0):
    s = s + g**2
    theta = theta - lr * (g / sqrt(s) + weight_decay * theta)
    return theta, s


def parts(l2_rule, decay_rule, lr=0.01, **hyper):
    """Distance after 100 noisy steps of L2 inside the gradient from decay beside it."""
    noise = np.random.default_rng(0).standard_normal((100, 2))

    def fed(penalty):
        gradients = iter(noise)
        return lambda theta: next(gradients) + penalty * theta

    l2 = run(l2_rule, fed(0.1), (1, 2), 100, lr=lr, **hyper)
    own = {"beta": 0} if l2_rule == "gradient_descent" else hyper
    beside = run(decay_rule, fed(0), (1, 2), 100, lr=lr, weight_decay=0.1, **own)
    return abs(l2.theta[-1] - beside.theta[-1]).max()


@recomputes("q-adamw-same")
def same(question):
    falling = schedules.cosine(lr=0.01, steps=100)
    apart = {
        "mini-batches": parts("gradient_descent", "sgdw"),
        "a schedule": parts("gradient_descent", "sgdw", lr=falling),
        "momentum": parts("momentum", "sgdw", beta=0.9),
        "AdaGrad": parts(decayed_adagrad, decayed_adagrad),
        "Adam with": parts("adam", "adamw", beta1=0.0),
    }
    assert len(apart) == len(question.options)
    for words, distance in apart.items():
        assert option(question, words).right == (distance < 1e-12), (words, distance)


def ends(scale):
    grad, hyper = surfaces.himmelblau.grad, {"lr": 0.02}
    l2 = run("adam", lambda x: scale * grad(x) + x, (0, 0), 3000, **hyper)
    free = run("adamw", lambda x: scale * grad(x), (0, 0), 3000, weight_decay=1.0, **hyper)
    return l2.theta[-1], free.theta[-1]


def place(point):
    return f"({point[0]:.2f}, {point[1]:.2f})"


@recomputes("predict-adamw-scale")
def scale(question):
    told = " ".join(question.text)
    found = {s: ends(s) for s in (1, 100, 0.01)}
    assert f"${place(found[1][0])}$" in told
    assert f"${place(found[1][1])}$" in told
    says(question, *(place(found[s][0]) for s in (100, 0.01)), place(found[100][1]))
    decoupled = np.array([free for _, free in found.values()])
    assert np.ptp(decoupled, axis=0).max() < 5e-4


@recomputes("q-adamw-convert")
def convert(question):
    alpha, decay, steps = 4e-4, 0.1, 50
    schedule = {"steps": steps, "lr_min": 0}
    grad = surfaces.ravine.grad
    ours = run(
        "adamw", grad, (1, 1), steps, lr=schedules.cosine(lr=alpha, **schedule), weight_decay=decay
    )
    options = [o for o in question.options if o.value is not None]
    for entry in options:
        path = run(
            "adamw_paper",
            grad,
            (1, 1),
            steps,
            lr=alpha,
            multiplier=schedules.cosine(lr=1, **schedule),
            weight_decay=min(entry.value, 1.0),
        )
        assert entry.right == np.allclose(path.theta, ours.theta, rtol=0, atol=1e-12)
    numbers_are(question, alpha * decay, decay, decay / alpha, alpha * decay / 2)
    says(options[1], f"{1 / alpha:,.0f} times", f"{100 * decay:.0f} %")


@recomputes("q-adamw-double")
def double(question):
    """Each change is run, from where the usual setting has settled."""
    usual = {"lr": 4e-3, "weight_decay": 0.5, "beta1": 0.9}

    def settled(start=1.0, size=1.0, **changed):
        _, norms, steps = wander(
            "adamw", (start,), steps=8000, d=200, size=size, every=20, **{**usual, **changed}
        )
        return norms[-100:].mean(), steps[-100:].mean()

    norm, step = settled()
    changes = {
        "η four": settled(lr=16e-3),
        "λ four": settled(weight_decay=2.0),
        "η twice": settled(lr=8e-3),
        "halved": settled(start=norm / 2),
        "loss": settled(size=4.0),
        "lowered": settled(beta1=0.65),
    }
    assert len(changes) == len(question.options)
    for words, (_, changed) in changes.items():
        right = option(question, words).right
        assert right == (abs(changed / step - 2) < 0.12), (words, changed / step)
    assert changes["η four"][0] / norm == pytest.approx(2, rel=0.06)
    assert changes["λ four"][0] / norm == pytest.approx(0.5, rel=0.06)
    assert changes["lowered"][0] / norm == pytest.approx(1, rel=0.06)
    says(option(question, "lowered"), f"{0.1 / 1.9:.4f}", f"{0.35 / 1.65:.4f}")
    says(option(question, "η twice"), f"{np.sqrt(2):.2f}")


@recomputes("q-adamw-groups")
def groups(question):
    net = torch.nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    shapes = {name: p.ndim for name, p in net.named_parameters()}
    found = {
        "gains": shapes["norm1.weight"],
        "biases": shapes["linear1.bias"],
        "embedding": torch.nn.Embedding(10, 8).weight.ndim,
        "query": shapes["self_attn.in_proj_weight"],
        "temperature": torch.nn.Parameter(torch.tensor(1.0)).ndim,
    }
    assert len(found) == len(question.options)
    for words, dimensions in found.items():
        assert option(question, words).right == (dimensions < 2), words


@pytest.mark.parametrize("name", CHAPTER)
def test_a_questions_numbers_are_recomputed(name):
    assert name in RECOMPUTED, f"write a check: @recomputes('{name}')"
    RECOMPUTED[name](CHAPTER[name])


def test_no_check_is_left_without_its_question():
    assert sorted(set(RECOMPUTED) - set(CHAPTER)) == []
