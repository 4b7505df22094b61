"""The questions of Chapter 9, recomputed: right answers, wrong ones, and the numbers in words."""

import numpy as np
import pytest
from test_questions import chapter_questions, numbers_are, option, says

from optlib import experiments, rules
from optlib.data_parallel import shard

CHAPTER = chapter_questions("09_*.ipynb")
RECOMPUTED = {}


def recomputes(name):
    """The function checks the question of this name."""
    return lambda function: RECOMPUTED.setdefault(name, function)


@recomputes("predict-ll-tuned")
def tuned(question):
    rows = experiments.load("large_batch")["summary"]["by_method"]["momentum"]
    losses = {B: rows[B]["loss"] for B in ("16", "512", "1438")}
    assert f"{losses['16']:.4f} at B = 16, after 900 steps" in " ".join(question.text)
    says(question, f"**{losses['512']:.4f}**", f"{losses['512'] / losses['16']:.1f} times as high")
    says(question, f"the loss is {losses['1438']:.3f}")
    says(question, f"{losses['1438'] / losses['16']:.0f} times as high")
    accuracy = [f"{100 * rows[B]['test_accuracy']:.1f} %" for B in ("512", "16")]
    says(question, f"test accuracy {accuracy[0]} against {accuracy[1]}")


def lars_steps(w, g, count=1, **hyper):
    """Lengths of LARS's steps on a constant gradient; w and g are norms of parallel vectors."""
    method, theta = rules.get("lars"), np.array([0.0, w])
    state, lengths = method.init(theta), []
    for t in range(1, count + 1):
        new, state = method.step(theta, np.array([g, 0.0]), state, t, {**method.hyper, **hyper})
        lengths.append(float(np.linalg.norm(new - theta)))
    return lengths


@recomputes("q-ll-ratio")
def ratio(question):
    lr, trust, w, g, beta = 2, 1e-3, 5, 0.02, 0.9
    right = lars_steps(w, g, lr=lr, trust=trust, beta=beta)[0]
    numbers_are(question, right, right / g, lr * trust, lr * trust * g, right / (1 - beta))
    # The limit of the last wrong answer: w grows a little on the way, so compare loosely.
    assert lars_steps(w, g, 100, lr=lr, trust=trust, beta=beta)[-1] == pytest.approx(0.1, rel=0.05)
    says(question.options[3], f"which is {w / g:.0f} here")


@recomputes("q-ll-twice")
def twice(question):
    def share(g, w=7.0):
        return w * g / g**2 / w

    factor = share(0.01) / share(1)
    assert factor == pytest.approx(100)
    assert option(question, f"{factor:.0f} times as large").right
    assert sum(o.right for o in question.options) == 1


def lamb_paths_agree(scale=1, bound=None, decay=0.0, excluded=False):
    """Whether LAMB with and without its bias correction end at the same place."""
    rng, ends = np.random.default_rng(3), []
    start, noise = 30 * rng.standard_normal(20), scale * (rng.standard_normal((50, 20)) + 0.5)
    for corrected in (True, False):
        w, m, v = start, 0.0, 0.0
        for t, g in enumerate(noise, 1):
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            c1, c2 = (1 - 0.9**t, 1 - 0.999**t) if corrected else (1, 1)
            r = m / c1 / np.sqrt(v / c2) + decay * w
            a, b = np.linalg.norm(w), np.linalg.norm(r)
            quotient = min(a, 10) / b if bound == "w" else min(a / b, 10) if bound else a / b
            w = w - 0.01 * (1 if excluded else quotient) * r
        ends.append(w)
    return bool(np.allclose(*ends, rtol=1e-9, atol=0))


@recomputes("q-ll-cancel")
def cancel(question):
    cases = {
        "1,000": {"scale": 1000},
        "in the numerator": {"bound": "w"},
        "The quotient": {"bound": "quotient"},
        "λ = 0.01": {"decay": 0.01},
        "left out": {"excluded": True},
    }
    assert len(cases) == len(question.options)
    for words, case in cases.items():
        assert option(question, words).right == lamb_paths_agree(**case), words


@recomputes("q-ll-zero")
def zero(question):
    zero, g = np.zeros(4), np.full(4, 0.01)
    optax, ours = (
        np.linalg.norm(rules.get(name)(zero, g, t=1, lr=1.0, trust=1e-3)[0])
        for name in ("lars_optax", "lars")
    )
    numbers_are(question, optax / ours, 1, ours / optax)


@recomputes("q-ll-shards")
def shards(question):
    rows = np.arange(64)
    import torch

    sizes = [len(shard(torch.tensor(rows), k, 2, "unequal")) for k in (0, 1)]
    assert sizes == [48, 16]
    large, small = (1 / 2 / n * 64 for n in sizes)
    numbers_are(question, small, large, small / large, 64 / sizes[1], 1)


def same_end(name, **hyper):
    """Whether a rule ends at the same place when all gradients are multiplied by 8."""
    method, rng = rules.get(name), np.random.default_rng(0)
    start, noise = rng.standard_normal(10), rng.standard_normal((30, 10)) + 0.3
    hyper, ends = {**method.hyper, "lr": 0.01, **hyper}, []
    for scale in (1, 8):
        w, state = start, method.init(start)
        for t, g in enumerate(noise, 1):
            w, state = method.step(w, scale * g, state, t, hyper)
        ends.append(w)
    return bool(np.allclose(*ends, rtol=1e-9, atol=1e-12))


@recomputes("q-ll-sum")
def reduced(question):
    cases = {
        "LAMB, λ = 0.01": ("lamb", {"weight_decay": 0.01, "eps": 0}),
        "LARS, λ = 0.": ("lars", {"weight_decay": 0, "trust": 1}),
        "LARS, λ = 0.01": ("lars", {"weight_decay": 0.01, "trust": 1}),
        "Momentum": ("momentum", {}),
        "Adam": ("adam", {"eps": 0}),
    }
    labels = [o.label.rstrip(".") for o in question.options]
    assert labels == [words.rstrip(".") for words in cases]
    for o, (name, hyper) in zip(question.options, cases.values()):
        assert o.right == same_end(name, **hyper), o.label


@pytest.mark.parametrize("name", CHAPTER)
def test_a_questions_numbers_are_recomputed(name):
    assert name in RECOMPUTED, f"write a check: @recomputes('{name}')"
    RECOMPUTED[name](CHAPTER[name])


def test_no_check_is_left_without_its_question():
    assert sorted(set(RECOMPUTED) - set(CHAPTER)) == []
