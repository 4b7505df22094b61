"""The questions of the Rosetta stone, recomputed from the conversions."""

import numpy as np
import pytest
from test_questions import chapter_questions, choices_are, says

from optlib import conversions

CHAPTER = chapter_questions("a_notation.ipynb")
RECOMPUTED = {}


def recomputes(name):
    """The function checks the question of this name."""
    return lambda function: RECOMPUTED.setdefault(name, function)


@recomputes("q-rosetta-decay")
def the_same_decay(question):
    paper = {"lr": 0.05, "weight_decay": 0.001}
    right = conversions.convert("AdamW, Algorithm 2", "torch.optim.AdamW", paper).values
    choices_are(question, right["weight_decay"], 0.001, 0.001 * 0.05)
    assert right["weight_decay"] / 0.001 == pytest.approx(20)


@recomputes("q-rosetta-schedule")
def after_the_cut(question):
    rates = np.where(np.arange(1001) < 1000, 1, 0.1)
    values, start, ones = {"beta": 0.9}, np.zeros(1), np.ones((1001, 1))
    quotients = []
    for name in ("torch.optim.SGD", "keras.optimizers.SGD"):
        steps = np.diff(conversions.path(name, values, start, 0.0, ones, rates)[:, 0])
        quotients.append(steps[1000] / steps[999])
    choices_are(question, quotients[1], quotients[0], 1, 0.9)
    says(question.options[1], "0.9 + 0.1\\cdot 0.1")


@pytest.mark.parametrize("name", CHAPTER)
def test_a_questions_numbers_are_recomputed(name):
    assert name in RECOMPUTED, f"write a check: @recomputes('{name}')"
    RECOMPUTED[name](CHAPTER[name])


def test_no_check_is_left_without_its_question():
    assert sorted(set(RECOMPUTED) - set(CHAPTER)) == []
