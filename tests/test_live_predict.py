"""Predict first, then see: arguments, and the score, without a browser."""

import json

import pytest
from test_live import in_node

from optlib import live

LOG = {"low": -4, "high": 2, "log": True, "name": "loss"}
PLAIN = {"low": -1, "high": 3, "name": "loss"}


def scored(task, guesses, tmp_path):
    script = """
    const task = TASK, guesses = GUESSES;
    for (const p of task.points) if (p.at) p.at = p.at.map((v) => v ?? Infinity);
    console.log(JSON.stringify(figure.scored(guesses, task)));
    """.replace("TASK", json.dumps(task)).replace("GUESSES", json.dumps(guesses))
    return in_node(live.descent("adam", predict="loss").view.module, script, tmp_path)


def curve(y, truth):
    points = [{"label": f"step {k}", "at": [k, v]} for k, v in enumerate(truth, 1)]
    return {"x": {"low": 0, "high": 9, "name": "step t"}, "y": y, "curve": True, "points": points}


def test_a_curve_on_a_log_axis_is_scored_by_factors(tmp_path):
    task = curve(LOG, [10, 1, 0.1, 0.01, None])  # None: infinite, so above the axis
    found = scored(task, [[1, 19], [2, 3], [3, 0.01], [4, 0.01], [5, 100]], tmp_path)
    assert found["text"] == (
        "Within a factor of 2 at 3 of 5 points. Your median error is a factor of 1.9."
    )
    assert found["head"] == ["step t", "your loss", "loss"]
    assert found["rows"][1] == [2, 3, 1]


def test_a_curve_on_a_plain_axis_is_scored_by_its_tenth(tmp_path):
    found = scored(curve(PLAIN, [1, 2, -5]), [[1, 1.39], [2, 1.5], [3, -1]], tmp_path)
    assert found["text"] == ("Within 10 % of the axis at 2 of 3 points. Your median error is 0.39.")


def test_a_point_is_scored_by_its_distance(tmp_path):
    axis = {"low": -2, "high": 2}
    points = [
        {"label": "step 3", "at": [1, 1]},
        {"label": "step 9", "at": None, "missing": "it diverged at step 7"},
    ]
    task = {"x": {**axis, "name": "x"}, "y": {**axis, "name": "y"}, "points": points}
    found = scored(task, [[0.7, 1.4], [0, 0]], tmp_path)
    assert found["text"] == (
        "Off by 0.5 at step 3: you said (0.7, 1.4), it is (1, 1). "
        "At step 9 you said (0, 0): it diverged at step 7."
    )


@pytest.mark.parametrize(
    ("make", "wanted"),
    [
        (lambda: live.descent(predict="loss"), {"what": "loss", "rule": "adam", "step": 10}),
        (
            lambda: live.descent(shown=("momentum",), predict="path", steps=7),
            {"what": "path", "rule": "momentum", "step": 1},
        ),
        (
            lambda: live.descent(predict={"what": "path", "rule": "momentum", "step": 100}),
            {"what": "path", "rule": "momentum", "step": 100},
        ),
        (
            lambda: live.rate_map("momentum", predict="path"),
            {"what": "path", "rule": "momentum", "step": 10},
        ),
    ],
    ids=range(4),
)
def test_what_is_asked(make, wanted):
    spec = make().view.spec
    assert spec["predict"] == wanted
    assert "predict=" in spec["call"]


RECORD = [{"lr": lr, "beta": beta, "loss": lr + beta} for lr in (1, 2, 3) for beta in (0.5, 0.9)]
ASKING = {
    "rate": (lambda p: live.rate("momentum", predict=p), {"what": "factor"}),
    "stepper": (lambda p: live.stepper(predict=p), {"what": "run"}),
    "noise_floor": (lambda p: live.noise_floor(predict=p), {"what": "loss"}),
    "least_squares": (lambda p: live.noise_floor("least_squares", predict=p), {"what": "floor"}),
    "loss": (lambda p: live.spectrum(predict=p), {"what": "loss", "rule": "adagrad"}),
    "rates": (lambda p: live.spectrum(predict=p), {"what": "rates", "rule": "adagrad"}),
    "schedule_designer": (lambda p: live.schedule_designer(predict=p), {"what": "loss"}),
    "two_by_two": (lambda p: live.two_by_two(predict=p), {"what": "norm", "step": 4}),
    "orbit": (lambda p: live.two_by_two(predict=p, steps=90), {"what": "orbit", "step": 9}),
    "playground": (
        lambda p: live.playground(predict=p, surfaces=(), steps=50),
        {"what": "path", "rule": "adam", "step": 5},
    ),
    "trust": (
        lambda p: live.trust(("lars", "adam"), predict=p),
        {"what": "bars", "rule": "adam"},
    ),
    "result_map": (
        lambda p: live.result_map(RECORD, x="lr", y="beta", value="loss", predict=p),
        {"what": "best"},
    ),
}


@pytest.mark.parametrize("which", ASKING)
def test_every_figure_asks_and_says_so_in_its_call(which):
    make, wanted = ASKING[which]
    figure = make(wanted["what"])
    spec = figure.view.spec
    assert spec["predict"] == wanted
    assert "function newPrediction" in figure.view.module
    if figure.kind != "result_map":  # its record is the notebook's own
        again = eval(f"live.{figure.kind}({spec['call']})", {"live": live})
        assert again.view.spec["predict"] == wanted
    assert "predict" not in make(None).view.spec and "predict=" not in make(None).view.spec["call"]


@pytest.mark.parametrize("which", ASKING)
@pytest.mark.parametrize("bad", ["truth", 3, ["loss"], {"what": "truth"}, {"step": 1}])
def test_every_figure_names_what_it_can_ask(which, bad):
    make, wanted = ASKING[which]
    with pytest.raises(ValueError, match=r"^predict is ") as error:
        make(bad)
    assert f"predict is {bad!r}; allowed: " in str(error.value)
    assert repr(wanted["what"]) in str(error.value)


def test_a_figure_that_asks_nothing_does_not_carry_it():
    assert "newPrediction({ figure, names" not in live.descent().view.module.split("mount(")[0]
    assert "function newPrediction" not in live.descent().view.module
    assert "function newPrediction" in live.descent(predict="loss").view.module
    assert "predict" not in live.descent().view.spec


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: live.descent(predict="losses"),
            "predict is 'losses'; allowed: 'loss', 'path'",
        ),
        (lambda: live.descent(predict="path", show="loss"), "predict is 'path'; allowed: 'loss'"),
        (lambda: live.descent(predict={"rule": "adam"}), "predict is {'rule': 'adam'}"),
        (lambda: live.descent(predict={"what": "loss", "at": 3}), "predict is"),
        (lambda: live.descent(predict={"what": "loss", "rule": "lion"}), "predict holds 'lion'"),
        (lambda: live.descent(predict={"what": "path", "step": 101}), "step is 101.*1 to 100"),
        (lambda: live.rate_map(predict="loss"), "predict is 'loss'; allowed: 'path'"),
        (lambda: live.rate_map(predict="path", show="map"), "predict is 'path'; allowed: None, si"),
        (lambda: live.rate(predict={"what": "factor", "rule": "adam"}), "predict is .*'factor'"),
        (lambda: live.noise_floor("least_squares", predict="loss"), "allowed: 'floor'"),
        (
            lambda: live.spectrum(predict="rates", show="loss"),
            "predict is 'rates'; allowed: 'loss'",
        ),
        (lambda: live.spectrum(predict={"what": "loss", "rule": "adam"}), "predict holds 'adam'"),
        (lambda: live.two_by_two(predict={"what": "orbit", "step": 41}), "step is 41.*1 to 40"),
        (lambda: live.two_by_two(predict="norm", show="orbit"), "predict is 'norm'; .* 'orbit'"),
        (
            lambda: live.trust(predict={"what": "bars", "rule": "adagrad"}),
            "predict holds 'adagrad'",
        ),
        (lambda: live.playground(predict="loss"), "predict is 'loss'; allowed: 'path'"),
    ],
    ids=range(16),
)
def test_a_bad_argument_is_named_with_what_is_allowed(make, words):
    with pytest.raises(ValueError, match=words):
        make()
