"""The clinic without a browser: what it takes, what it shows, and whether its reasons are true."""

import json

import numpy as np
import pytest
from test_live import in_node, linked

from optlib import experiments, live
from optlib.experiments import broken_runs
from optlib.live.clinic import CASES, CURVES, DIAGNOSES

RECORD = experiments.load("broken_runs")


def recorded(case, repaired=False):
    """The results of a case, one for each seed."""
    return [r["result"] for r in RECORD["runs"] if r["case"] == case and r["repaired"] == repaired]


def seen(figure, tmp_path, run="run 1", tried=()):
    """What the browser computes for a run after these diagnoses were tried."""
    script = f"""
    const memo = {{ tried: {{ {json.dumps(run)}: {json.dumps(list(tried))} }} }};
    const found = figure.compute({json.dumps(figure.view.spec)}, () => {json.dumps(run)}, memo);
    console.log(JSON.stringify({{ ...found, memo: 0 }}));
    """
    return in_node(figure.view.module, script, tmp_path)


def test_the_menu_names_no_diagnosis_and_is_linked():
    figure = live.clinic()
    assert set(linked(figure)) == set(figure.controls) == {"run"}
    options = figure.controls["run"].options
    assert options == tuple(f"run {k}" for k in range(1, 13))
    assert figure.view.run == 0 and live.clinic(run="run 3").view.run == 2
    told = json.dumps(figure.view.spec)
    assert not any(words in told for words in (*CASES, *DIAGNOSES.values()))
    assert set(figure.view.spec["defaults"]) == {"run"}, "what was guessed is in no link"


def test_every_case_of_the_record_is_there_in_another_order():
    assert set(CASES) == set(DIAGNOSES) == set(broken_runs.CASES)
    assert list(CASES) != list(broken_runs.CASES)


def test_curves_are_those_of_the_record(tmp_path):
    found = seen(live.clinic(seed=2), tmp_path, "run 3")
    run = next(r for r in RECORD["runs"] if r["case"] == list(CASES)[2] and r["seed"] == 2)
    names = [name for name, *_ in found["cast"]]
    assert names == ["healthy run", "run 3"]
    for key in CURVES:
        np.testing.assert_allclose(found["cast"][1][1][key], run["result"][key], rtol=6e-3)
    assert found["cast"][1][1]["accuracy"] == pytest.approx(run["result"]["accuracy"], abs=1e-3)


def test_the_remedy_is_drawn_once_the_diagnosis_is_right(tmp_path):
    figure, place = live.clinic(), list(CASES).index("bfloat16") + 1
    run, right = f"run {place}", DIAGNOSES["bfloat16"]
    wrong = DIAGNOSES["lr_low"]
    before = seen(figure, tmp_path, run, [wrong])
    assert len(before["cast"]) == 2 and not before["solved"] and before["last"] == wrong
    after = seen(figure, tmp_path, run, [wrong, right])
    assert after["solved"] and after["cast"][2][0] == "repaired"
    repaired = recorded("bfloat16", repaired=True)[0]
    np.testing.assert_allclose(after["cast"][2][1]["loss"], repaired["loss"], rtol=6e-3)
    assert sorted(after["options"]) == after["options"] and len(after["options"]) == 4


@pytest.mark.parametrize("case", CASES)
def test_a_wrong_diagnosis_is_refuted_by_its_own_sign(case):
    """The sign of each wrong diagnosis is seen in none of the case's runs."""
    assert len(CASES[case][1]) == 3 and case not in CASES[case][1]
    for other in CASES[case][1]:
        shown = broken_runs.SIGNS[other][1]
        if (case, other) == ("raw_inputs", "shuffled_labels"):
            continue
        assert not any(shown(r) for r in recorded(case)), other


def test_numbers_in_the_reasons_are_those_of_the_runs():
    first = np.mean([r["ratio"][0] for r in recorded("lr_high")])
    assert 0.19 < first < 0.23 and "a fifth of the weights" in CASES["lr_high"][0]
    settings = [broken_runs.settings("lr_high", fixed)["lr"] for fixed in (False, True)]
    assert settings[0] / settings[1] == 20 and "a twentieth" in CASES["lr_high"][0]
    settings = [broken_runs.settings("lr_low", fixed)["lr"] for fixed in (False, True)]
    assert settings[1] / settings[0] == pytest.approx(1000)
    assert "a thousand times" in CASES["lr_low"][0]
    assert np.log(np.e + 9) - 1 == pytest.approx(1.461, abs=5e-4)
    grown = max(max(r["gradient"]) / r["gradient"][0] for r in recorded("lr_high"))
    assert grown < 15 and "about ten times" in CASES["no_zero_grad"][1]["lr_high"]
    assert max(max(r["ratio"]) for r in recorded("tight_clip")) < 0.005
    still = [1 - r["moved"][-1] for r in recorded("raw_inputs")]
    assert 0.4 < np.mean(still) < 0.6 and "Half of the weights" in CASES["raw_inputs"][0]
    moved = [r["moved"][-1] for r in recorded("zero_start")]
    assert max(moved) < 0.01
    healthy = np.mean([np.median(r["ratio"]) for r in recorded("healthy", repaired=True)])
    for case in ("shuffled_labels", "raw_inputs", "softmax_twice", "strong_decay"):
        assert np.mean([np.median(r["ratio"]) for r in recorded(case)]) > 0.9 * healthy, case
    assert all(r["last"] == 400 for r in recorded("lr_high"))


def test_a_call_and_a_picture():
    few = live.clinic(("lr_low", "bfloat16"), name="few", seed=3)
    assert few.view.spec["call"] == "cases=('lr_low', 'bfloat16'), seed=3"
    assert len(few.controls["run"].options) == 2 and repr(few) == "live.clinic(name='few')"
    assert few.still()[:4] == b"\x89PNG"
    assert len(live.clinic().view._own) < 40_000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"cases": ("lr_low",)}, "cases is .'lr_low',.; allowed: 2 or more different of lr_low"),
        ({"cases": ("lr_low", "nan")}, "cases is"),
        ({"cases": ("lr_low", "lr_low")}, "cases is"),
        ({"seed": 9}, "seed is 9; allowed: 1, 2, 3, 4, 5"),
        ({"run": "run 13"}, "run is 'run 13'; allowed: 'run 1'"),
        ({"name": "a b"}, "name is 'a b'; allowed: a letter"),
    ],
)
def test_a_bad_argument_is_named_with_what_is_allowed(arguments, words):
    with pytest.raises(ValueError, match=words):
        live.clinic(**arguments)
