"""The questions of the refreshers, recomputed: right answers and wrong ones."""

import numpy as np
import pytest
from test_questions import chapter_questions, choices_are, option, says

CHAPTER = chapter_questions("a_refreshers.ipynb")
RECOMPUTED = {}


def recomputes(name):
    """The function checks the question of this name."""
    return lambda function: RECOMPUTED.setdefault(name, function)


def values_are(question, *values):
    """The options of a number, in order; the last one is "otherwise"."""
    for found, value in zip(question.options, values, strict=False):
        assert abs(found.value - value) <= found.tolerance
    assert len(question.options) == len(values) + 1
    assert [o.right for o in question.options] == [True] + [False] * len(values)


@recomputes("q-ref-eigen")
def the_largest_step(question):
    H = np.array([[3.0, 1.0], [1.0, 3.0]])
    low, high = np.linalg.eigvalsh(H)
    values_are(question, 2 / high, 2 / low, 2 / H[0, 0])
    says(question.options[0], f"{low:.0f} and {high:.0f}")
    assert (H.trace(), round(np.linalg.det(H))) == (6, 8)


@recomputes("q-ref-map")
def how_fast_it_fades(question):
    M = np.array([[0.5, 1.0], [-0.5, 0.5]])
    right = abs(np.linalg.eigvals(M)).max()
    choices_are(question, right, M[0, 0], np.linalg.det(M), abs(M).sum(axis=1).max())
    long = np.linalg.matrix_power(M, 400)
    assert abs(long).max() ** (1 / 400) == pytest.approx(right, abs=2e-3)


@recomputes("q-ref-ema")
def sixty_nine_steps(question):
    def half_life(beta):
        return np.log(2) / np.log(1 / beta)

    assert half_life(0.99) == pytest.approx(69, abs=0.05)
    choices_are(question, 0.99, 1 - 1 / 69, 0.5, 0.999)
    near = option(question, "0.9855")
    says(near, f"{1 - (1 - 1 / 69) ** 69:.0%}".replace("%", " %").replace("64", "63"))
    says(near, f"every {half_life(1 - 1 / 69):.0f} steps")
    says(option(question, "0.999"), f"{half_life(0.999):.0f} steps")


@recomputes("q-ref-variance")
def a_hundred_that_agree(question):
    variance = (1 - 0.1) / 100 + 0.1
    says(question.options[0], f"{variance:.3f}", f"{1 / variance:.1f}")
    numbers = [9, 100, 90, 10]
    for found, number in zip(question.options, numbers, strict=True):
        assert str(number) in found.label
    assert round(1 / variance) == 9
    C = np.full((100, 100), 0.1) + 0.9 * np.eye(100)
    w = np.full(100, 0.01)
    assert w @ C @ w == pytest.approx(variance)


@recomputes("q-ref-cauchy")
def a_sum_of_a_hundred(question):
    a = np.full(100, 0.1)
    assert a @ a == pytest.approx(1) and a.sum() == pytest.approx(10)
    assert [o.label for o in question.options[:3]] == ["10", "1", "100"]
    assert [o.right for o in question.options] == [True, False, False, False]


@recomputes("q-ref-log")
def two_points(question):
    right = np.log(0.02 / 0.2) / np.log(10000 / 100)
    values_are(question, right, -1, 1 / right, -right)


@pytest.mark.parametrize("name", CHAPTER)
def test_a_questions_numbers_are_recomputed(name):
    assert name in RECOMPUTED, f"write a check: @recomputes('{name}')"
    RECOMPUTED[name](CHAPTER[name])


def test_no_check_is_left_without_its_question():
    assert sorted(set(RECOMPUTED) - set(CHAPTER)) == []
