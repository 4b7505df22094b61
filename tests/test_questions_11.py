"""The questions of Chapter 11, recomputed: right answers, wrong ones, and the numbers in words."""

import math

import numpy as np
import pytest
import torch
from test_questions import chapter_questions, numbers_are, option, says

from optlib import experiments, run, tasks
from optlib.experiments import broken_runs, tuning_budget
from optlib.training import cross_entropy

CHAPTER = chapter_questions("11_*.ipynb")
RECOMPUTED = {}


def recomputes(name):
    """The function checks the question of this name."""
    return lambda function: RECOMPUTED.setdefault(name, function)


def mean_of(case, curve):
    """The mean over seeds of a recorded curve of a broken run."""
    runs = experiments.load("broken_runs")["runs"]
    mine = [r["result"][curve] for r in runs if r["case"] == case and not r["repaired"]]
    return np.mean(mine, axis=0)


@recomputes("predict-cd-leader")
def leader(question):
    summary = experiments.load("tuning_budget")["summary"]
    leaders = {k: [v[k] for v in summary["leaders"].values()] for k in ("2", "32")}
    assert leaders["2"].count("adam") == 2
    assert "Adam\nleads on two of the four" in "\n".join(question.text)
    counts = {m: leaders["32"].count(m) for m in leaders["32"]}
    assert max(counts, key=counts.get) == "gradient_descent"
    assert counts["gradient_descent"] == 2
    leads = {t: v["32"] for t, v in summary["leaders"].items()}
    assert leads == {
        "digits": "rmsprop",
        "diabetes": "gradient_descent",
        "mnist1d": "gradient_descent",
        "zipf_text": "adam",
    }
    for task, share in (("diabetes", 4), ("mnist1d", 10)):
        rows = list(summary["table"][task].values())[:6]
        ends = [r["expected"]["32"] for r in rows]
        assert share - 1 < 100 * (max(ends) / min(ends) - 1) <= share
    says(question, "On diabetes the six lie within 4 %", "mnist1d within 10 %")


@recomputes("q-cd-trials")
def trials(question):
    right = math.ceil(math.log(0.05) / math.log(0.95))
    numbers_are(question, right, 1 / 0.05, 95)
    says(question.options[0], f"= {1 - 0.95**right:.4f}$", f"is {1 - 0.95 ** (right - 1):.4f}")
    says(question.options[1], f"= {0.95**20:.2f}$")
    says(question.options[2], f"= {1 - 0.95**95:.3f}$")


@recomputes("q-cd-check")
def check(question):
    one, h = np.float32(1), np.float32(1e-8)
    assert (np.float32(one + h) - np.float32(one - h)) / (2 * h) == 0
    says(option(question, "exactly 0"), f"{np.finfo(np.float32).eps * 1e7:.1f} \\cdot 10^{{-7}}")
    least = (3 * 2.0**-24) ** (1 / 3)
    says(option(question, "order $h^2$"), f"{least:.3f}")


@recomputes("q-cd-stuck")
def stuck(question):
    moved = mean_of("bfloat16", "moved")[-1]
    text = " ".join(question.text)
    assert f"{moved:.0%}".replace("%", " %") in text
    assert f"at {mean_of('bfloat16', 'gradient').mean():.2f}," in text
    assert "above 2.2" in text
    assert mean_of("bfloat16", "loss").min() > 2.2
    assert mean_of("zero_start", "moved").max() < 0.01
    says(
        option(question, "started at zero"), f"{mean_of('zero_start', 'gradient').mean():.2f} here"
    )
    assert mean_of("lr_low", "moved").min() > 0.9
    assert mean_of("shuffled_labels", "moved").min() > 0.9


@recomputes("q-cd-floor")
def floor(question):
    output = torch.tensor([[1e4, 0.0]], dtype=torch.float64)
    found = cross_entropy(output.softmax(1), torch.tensor([0])).item()
    numbers_are(question, found, math.log(2), 0)
    says(question.options[2], f"= {math.e / (math.e + 1):.2f}$")


def follow(feed):
    """A gradient that does not depend on the place: the next of the feed."""
    return lambda x: np.asarray(next(feed))


@recomputes("q-cd-clip")
def clip(question):
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=400)
    gradients *= 0.1 / abs(gradients)  # one parameter: its norm is its size
    ends = {}
    for scale in (1, 0.01):
        for name in ("adam", "gradient_descent"):
            feed = iter(scale * gradients)
            hyper = {"eps": 1e-15} if name == "adam" else {}
            path = run(name, follow(feed), 1.0, 400, lr=0.01, **hyper)
            ends[name, scale] = path.theta[-1] - 1
    assert ends["adam", 1] == pytest.approx(ends["adam", 0.01], rel=1e-9)
    assert ends["gradient_descent", 1] == pytest.approx(100 * ends["gradient_descent", 0.01])
    lowered = [0.1] * 1000 + [0.001] * 1000  # in mid-run: a brake, as the first option says
    path = run("adam", follow(iter(lowered)), 0.0, 2000, lr=1.0).theta
    assert path[1100] - path[1200] < 0.02 * (path[900] - path[1000])
    assert option(question, "Nothing").right
    assert not option(question, "hundred times").right


@recomputes("q-cd-bf16")
def bfloat16(question):
    for o in question.options:
        weight = torch.tensor(float(o.label), dtype=torch.bfloat16)
        after = (weight.float() - 0.001).bfloat16()
        assert o.right == bool(after != weight), o.label
        exponent = math.floor(math.log2(float(o.label))) - 7
        says(o, f"2^{{{exponent}}}")
        assert float(torch.nextafter(weight, weight + 1) - weight) == 2.0**exponent


def test_the_figure_of_parameters_is_right():
    net = tasks.mlp(broken_runs.HEALTHY["sizes"])(0)
    assert sum(p.numel() for p in net.parameters()) == 6310


def test_trials_drawn_again_are_the_same_for_every_optimizer():
    record, n = experiments.load("tuning_budget"), tuning_budget.PARAMETERS["trials"]
    drawn = tuning_budget.resampled(record, "digits", 4, draws=3)
    again = np.random.default_rng(0).integers(n, size=(3, n))
    for method, found in drawn.items():
        trials = [
            r["result"]
            for r in record["runs"]
            if (r["task"], r["method"], r["kind"]) == ("digits", method, "trial")
        ]
        one_by_one = [tuning_budget.expected([trials[i] for i in row], 4) for row in again]
        assert found == pytest.approx(one_by_one)


def test_what_an_optimizer_is_behind_the_best_by():
    record = experiments.load("tuning_budget")
    table, found = record["summary"]["table"], tuning_budget.behind(record, 32)
    six = list(found)
    for method, (ratio, low, high) in found.items():
        product = math.prod(
            rows[method]["expected"]["32"] / min(rows[m]["expected"]["32"] for m in six)
            for rows in table.values()
        )
        assert ratio == pytest.approx(product ** (1 / 4), rel=1e-5)  # the table is rounded
        assert 1 <= low < ratio < high


@pytest.mark.parametrize("name", CHAPTER)
def test_a_questions_numbers_are_recomputed(name):
    assert name in RECOMPUTED, f"write a check: @recomputes('{name}')"
    RECOMPUTED[name](CHAPTER[name])


def test_no_check_is_left_without_its_question():
    assert sorted(set(RECOMPUTED) - set(CHAPTER)) == []
