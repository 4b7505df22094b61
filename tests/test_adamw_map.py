"""Chapter 8's record: what it trains on, and how its verdicts follow from the runs."""

import numpy as np
import pytest

from optlib import experiments, tasks
from optlib.experiments import adamw_map


def made_up(error):
    """All runs of the plan, with a test error that is a function of log10 eta and lambda."""
    runs = []
    for settings in adamw_map.plan([]):
        decay = settings["weight_decay"]
        log_decay = np.log10(decay) if decay else None
        found = error(settings["form"], np.log10(settings["lr"]), log_decay)
        result = {"test_error": found + 1e-4 * settings["seed"], "diverged": None}
        runs.append({**settings, "result": result})
    return runs


def valley(form, lr, decay):
    """Best along eta lambda = 0.001 with L2, at lambda_paper = 0.01 decoupled."""
    if form == "none":
        return 0.3
    low = 0.2 if form == "l2" else 0.1
    return low + 0.05 * abs(lr + decay + (3 if form == "l2" else 2))


def test_a_share_of_the_labels_is_wrong_and_the_test_part_is_right():
    task, clean = adamw_map.noisy_digits(seed=3), tasks.digits()
    wrong = (task.y_train != clean.y_train[:250]).sum()
    assert wrong == 38  # 15 % of 250, each of them wrong
    assert len(task.y_test) == 1547 == len(task.x_test)
    assert (task.y_test[: 1438 - 250] == clean.y_train[250:]).all()
    assert (task.y_train != adamw_map.noisy_digits(seed=4).y_train).any()


def test_the_papers_page_holds_torchs_runs_sheared():
    shown = adamw_map.pages(made_up(valley))
    for r in shown:
        if r["form"] == "wd":
            expected = valley("decoupled", np.log10(r["lr"]), np.log10(r["weight_decay"] / r["lr"]))
            assert r["test_error"] == pytest.approx(expected + 1e-4 * r["seed"], abs=1e-4)
    assert {r["map"] for r in shown} == {
        f"{net}, {form}"
        for net in ("plain", "LayerNorm")
        for form in ("L2", "λ of torch", "λ of the paper")
    }


def test_the_figure_of_the_paper_would_be_recognised():
    found = adamw_map.summary(made_up(valley))["plain"]
    slopes = {form: found["forms"][form]["slope"] for form in adamw_map.FORMS}
    assert slopes["l2"] == pytest.approx(-1, abs=0.3)
    assert slopes["lr*wd"] == pytest.approx(-1, abs=0.4)
    assert slopes["wd"] == pytest.approx(0, abs=0.05)
    assert found["reproduced"] == {
        "shape": True,
        "l2_does_not_help": False,
        "adamw_is_better": True,
    }


def test_the_ledger_says_what_the_summary_says():
    shape, l2, better = adamw_map.claims(experiments.load("adamw_map")["summary"])
    assert (shape.verdict, better.verdict) == (False, False)
    assert l2.verdict == "on the net with LayerNorm only"
    assert "plain net: 0.32 and 1.21" in shape.measured
    ideal = adamw_map.claims(adamw_map.summary(made_up(valley)))
    assert [claim.verdict for claim in ideal] == [True, False, True]


def test_a_diverged_run_counts_as_all_wrong():
    runs = made_up(valley)
    for r in runs:
        if (r["net"], r["form"], r["seed"]) == ("plain", "l2", 0):
            r["result"] = {"test_error": None, "diverged": 7}
    worst = [r for r in adamw_map.pages(runs) if (r["map"], r["seed"]) == ("plain, L2", 0)]
    assert {r["test_error"] for r in worst} == {1.0}


def test_a_grid_has_a_gap_where_decay_would_overshoot():
    runs = experiments.load("adamw_map")["runs"]
    lrs, decays, errors = adamw_map.grid(runs, "plain", "lr*wd")
    missing = np.isnan(errors)
    assert (missing == (lrs[:, None] + decays >= -1e-3)).all() and missing.any()
    kept = [r for r in runs if (r["net"], r["form"], r["lr"]) == ("plain", "decoupled", 0.001)]
    ones = [r["result"]["test_error"] for r in kept if r["weight_decay"] == 1.0]
    at = errors[np.isclose(lrs, -3)][0, np.isclose(decays, 0)]
    assert at == pytest.approx(np.mean(ones))


def test_a_run_agrees_with_the_record():
    stored = experiments.load("adamw_map")["runs"][-1]
    keys = ("net", "form", "lr", "weight_decay", "seed")
    again = adamw_map.one(**{k: stored[k] for k in keys})
    assert again["test_error"] == pytest.approx(stored["result"]["test_error"], abs=0.01)
    assert again["norm"] == pytest.approx(stored["result"]["norm"], rel=0.01)
