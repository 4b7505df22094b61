"""The questions of Chapter 6, recomputed: right answers, wrong ones, and the numbers in words."""

import numpy as np
import pytest
from test_questions import chapter_questions, numbers_are, option, says, steps_of

from optlib import rules, run, surfaces
from optlib.schedules import schedule

CHAPTER = chapter_questions("06_*.ipynb")
RECOMPUTED = {}
NINE_AND_ONE = np.array([0.1] * 9 + [-0.9])


def recomputes(name):
    """The function checks the question of this name."""
    return lambda function: RECOMPUTED.setdefault(name, function)


@schedule
def root(t, *, lr):
    return lr / t**0.5


def hops(start=(1, 0.4), beta=0.9, scale=1, **hyper):
    """The last distance from the minimum in both coordinates of the ravine."""
    settings = {"lr": 0.4, "beta": beta, **hyper}
    path = run("rmsprop", lambda x: scale * surfaces.ravine.grad(x), start, 3000, **settings)
    return abs(path.theta[-1])


@recomputes("q-rms-half-life")
def half_life(question):
    beta = 0.99
    half = np.log(0.5) / np.log(beta)
    v, count = 1.0, 0
    while v > 0.5:
        _, (v,) = rules.rmsprop.step(0.0, 0.0, (v,), 2, {**rules.rmsprop.hyper, "beta": beta})
        count += 1
    assert count == round(half)
    numbers_are(question, round(half), beta / (1 - beta), 1 / (1 - beta), 50, 1 / beta)
    says(question.options[0], f"{half:.2f}")
    says(question.options[2], f"{beta**100:.3f}")
    says(question.options[3], f"{beta**50:.3f}")
    says(question.options[0], f"{np.log(0.5) / np.log(0.9):.2f}")


@recomputes("predict-rms-hinton")
def hinton(question):
    round_of = steps_of("rmsprop", np.tile(NINE_AND_ONE, 60), beta=0.9, eps=0)[-10:]
    drift, signs = round_of.sum(), np.sign(NINE_AND_ONE).sum()
    assert drift > 0
    assert signs == 8
    says(question, f"**{drift:.2f} η**", f"{-round_of[-1]:.2f}", f"{round_of[:9].sum():.2f}")
    assert round(signs / drift) == 12
    says(question, "twelve times less")
    labels = " ".join(o.label for o in question.options)
    assert f"about $0.{round(10 * drift)}" in labels


@recomputes("q-rms-first-step")
def second_step(question):
    first, second = steps_of("rmsprop", [4.0, 4.0], beta=0.9, eps=0)
    corrected = steps_of("adam", [4.0, 4.0], beta1=0, beta2=0.9, eps=0)[1]
    numbers_are(question, second, first, corrected, 1 / (1 - 0.9**2), 1 / np.sqrt(0.9))
    says(question.options[0], f"{100 * (1 - 0.9**2):.0f} per cent")


@recomputes("q-rms-smaller")
def smaller(question):
    usual = hops()
    assert np.allclose(usual, 0.2, atol=1e-6)
    changed = {
        "Halve": hops(lr=0.2),
        "beta = 0.99": hops(beta=0.99),
        "thousand times": hops(start=(1e-3, 4e-4)),
        "1/100": hops(scale=0.01),
        "sqrt t": hops(lr=root(lr=0.4)),
        "epsilon = 0.3": hops(eps=0.3),
    }
    assert len(changed) == len(question.options)
    for words, end in changed.items():
        expected = (end < 0.9 * usual).all()
        assert option(question, words).right == expected, (words, end)
    says(option(question, "Halve"), f"{changed['Halve'][0]:.1f}")
    path = run("rmsprop", surfaces.ravine, (1, 0.4), 3000, lr=0.4, beta=0.99).theta
    assert 1e-45 < abs(path[:, 1]).min() < 1e-43
    path = run("rmsprop", surfaces.ravine, (1, 0.4), 1000, lr=root(lr=0.4), beta=0.9).theta
    says(option(question, "sqrt t"), f"{abs(path[-1, 0]):.4f}")
    x, y = changed["epsilon = 0.3"]
    assert x < 1e-9
    says(option(question, "epsilon = 0.3"), f"{0.2 - y:.3f}", f"{0.4 * 100 / 2:.0f}", f"{0.4 / 2}")
    first = steps_of("rmsprop", [1.0], beta=0.9, eps=0)[0]
    says(option(question, "thousand times"), f"{first:.2f}")


@recomputes("q-rms-recover")
def recover(question):
    sizes = np.r_[np.full(1000, 100.0), np.ones(5000)]
    steps = steps_of("adagrad", sizes, eps=0)[1000:]
    assert (np.diff(steps) < 0).all()
    right = option(question, "Never")
    assert [o for o in question.options if o.right] == [right]
    after = 1000 * 100**2
    says(option(question, "10 million"), "10 million", "doubled")
    assert after == 10_000_000


@recomputes("predict-rms-centered")
def centered(question):
    steps = steps_of("rmsprop_centered", np.full(2000, 4.0), beta=0.99, eps=1e-8)
    says(question, f"{steps[68]:.2f} η", f"{steps[1999]:,.0f} η")
    assert f"{steps[0]:.2f} η" in " ".join(question.text)
    assert steps.argmin() == 68


@recomputes("q-rms-eps")
def epsilon(question):
    g, eps = 2e-4, 1e-8
    inside = steps_of("rmsprop_optax", np.full(3000, g), eps=eps)[-1]
    outside = steps_of("rmsprop", np.full(3000, g), eps=eps)[-1]
    root_eps = np.sqrt(eps)
    numbers_are(question, inside, outside, g / (g + root_eps), g / root_eps)
    says(question.options[1], f"{g / eps:,.0f} times")


@pytest.mark.parametrize("name", CHAPTER)
def test_a_questions_numbers_are_recomputed(name):
    assert name in RECOMPUTED, f"write a check: @recomputes('{name}')"
    RECOMPUTED[name](CHAPTER[name])


def test_no_check_is_left_without_its_question():
    assert sorted(set(RECOMPUTED) - set(CHAPTER)) == []
