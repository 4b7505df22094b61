"""Rare and frequent coordinates without a browser: arguments, and JavaScript against NumPy."""

import json
import math

import numpy as np
import pytest
from test_live import in_node, linked

from optlib import live, rule, rules, run
from optlib.live.noise_floor import deviates, uniforms
from optlib.live.spectrum import PER_DECADE, descend, rates, steady, turn, zipf

SHOWN = ["gradient_descent", "momentum", "adagrad", "adadelta", "rmsprop", "adam", "nesterov"]


@rule
def half_step(theta, g, *, t, lr=0.1, gain=0.5):
    theta = theta - lr * gain * g
    return theta


def given(figure):
    """{setting: value}, the names of choices in place of their index."""
    spec = figure.view.spec
    return {k: spec["choices"][k][v] if k in spec["choices"] else v
            for k, v in spec["defaults"].items()}  # fmt: skip


SEEN = """
const at = AT, found = figure.compute(SPEC, (name) => at[name], {});
const spelt = (k, v) => (k === "look" || k === "path" ? undefined : ArrayBuffer.isView(v) ? [...v]
  : typeof v === "number" && !Number.isFinite(v) ? String(v) : v);
console.log(JSON.stringify({...found, teller: found.teller && found.teller.name}, spelt));
"""


def seen(figure, tmp_path, **changes):
    text = SEEN.replace("AT", json.dumps({**given(figure), **changes}))
    return in_node(figure.view.module, text.replace("SPEC", json.dumps(figure.view.spec)), tmp_path)


def of(found):
    return {r["name"]: r for r in found["runs"]}


# ---------------------------------------------------------------------------- traits, arguments


def test_each_control_is_linked_to_the_trait_of_its_name():
    figure = live.spectrum(("adagrad", "rmsprop"), problem="words", beta=0.9)
    links = linked(figure)
    names = {"step", "lr", "angle", "beta", "best", "effective", "noise", "seed"}
    assert set(links) == set(figure.controls) == names
    for name, (control, trait) in links.items():
        assert control is figure.controls[name]
        assert getattr(control, trait) == getattr(figure.view, name)
    assert figure.controls["beta"].description == "average β"
    assert live.spectrum("momentum", beta=0.5).controls["beta"].description == "momentum β"


def test_a_control_may_be_asked_for_by_name_alone():
    figure = live.spectrum(("adagrad", "adam"), controls=("lr", "beta2"))
    assert list(figure.controls) == ["step", "lr", "beta2"]
    assert figure.view.beta2 == 0.999
    assert figure.view.spec["arguments"]["adam"]["beta2"] == "beta2"
    assert figure.view.spec["arguments"]["adam"]["beta1"] == 0.9


@pytest.mark.parametrize(
    "make",
    [
        lambda: live.spectrum(name="a", lr=1e5, angle=30),
        lambda: live.spectrum(("rmsprop", half_step), curvatures=(1, 3, 9), start=(1, 2, 3)),
        lambda: live.spectrum("adagrad", problem="words", words=5, noise=0.0, seed=3, best=True),
        lambda: live.spectrum(show=("rates", "map"), controls=("lr",), target=0.1, step=4),
        lambda: live.spectrum(("adam", "rmsprop"), beta=0.9, ranges={"lr": (0.01, 10)}, lr=0.1),
    ],
    ids=range(5),
)
def test_the_call_that_is_copied_makes_the_same_figure(make):
    figure = make()
    spec = figure.view.spec
    settings = {
        k: v for k, v in given(figure).items() if v != [] and len(spec["choices"].get(k, "ab")) > 1
    }
    call = ", ".join([spec["call"], *(f"{k}={v!r}" for k, v in settings.items())])
    again = eval(f"live.spectrum({call})", {"live": live, "half_step": half_step})  # our own text
    assert again.view.module == figure.view.module
    assert {**again.view.spec, "name": ""} == {**spec, "name": ""}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"rules": "adma"}, "adma.*adam"),
        ({"rules": ()}, "rules is empty"),
        ({"rules": "lamb"}, "rules holds lamb; live.spectrum takes elementwise rules with lr"),
        ({"problem": "ravine"}, "problem is 'ravine'; allowed: 'quadratic', 'words'"),
        ({"curvatures": (1,)}, r"curvatures is \(1,\); allowed: 2 to 12 positive numbers"),
        ({"curvatures": (1, 0)}, "2 to 12 positive numbers"),
        ({"problem": "words", "words": 1}, "words is 1; allowed: a whole number from 2 to 12"),
        ({"start": (1, 2, 3)}, "start is .*allowed: 2 finite numbers"),
        ({"start": (1, float("nan"))}, "start is"),
        ({"angle": 50}, "angle is 50; this figure allows 0 to 45"),
        ({"lr": 1e6}, "lr is 1000000.0; this figure allows 0.001 to 100000"),
        ({"lr": -1}, "lr must be.*got -1"),
        ({"target": 0}, "target is 0"),
        ({"steps": 5}, "steps is 5; allowed: a whole number from 10 to 5000"),
        ({"step": 1001}, "step is 1001.*0 to 1000"),
        ({"effective": "adam"}, "effective is 'adam'; allowed: 'gradient_descent', 'adagrad'"),
        ({"shown": "adam"}, "shown holds 'adam'"),
        ({"show": "loss curve"}, "show holds 'loss curve'; allowed: 'map'"),
        ({"show": ()}, "show is empty"),
        ({"curvatures": (1, 2, 3), "show": "map"}, "show holds 'map'; allowed: 'effective'"),
        ({"beta": 0.9}, "'beta' is no hyperparameter here"),
        ({"controls": ("rate",)}, "'rate' is no setting here; allowed: step, lr, angle"),
        ({"ranges": {"noise": (0, 1)}}, "'noise' is no setting here"),
        ({"problem": "words", "seed": 100}, "seed is 100.*0 to 99"),
        ({"name": "my figure"}, "name is 'my figure'; allowed: a letter"),
    ],
    ids=lambda x: next(iter(x)) if isinstance(x, dict) else "",
)
def test_a_bad_argument_is_named_with_what_is_allowed(arguments, words):
    with pytest.raises((ValueError, TypeError), match=words):
        live.spectrum(**arguments)


@pytest.mark.parametrize("arguments", [{}, {"problem": "words"}], ids=range(2))
def test_the_still_is_a_picture(arguments):
    assert live.spectrum(**arguments).still()[:4] == b"\x89PNG"


# ---------------------------------------------------------------------------- the NumPy twin


def test_the_twin_is_run_on_a_turned_quadratic():
    h = turn(2, 30) @ np.diag([1, 100]) @ turn(2, 30).T
    np.testing.assert_allclose(h, h.T)
    truth = run("adagrad", lambda x: h @ x, turn(2, 30) @ [1, 0.6], 50, lr=0.5)
    losses, theta = descend(
        rules.adagrad, [0.5, 3.0], weights=(1, 100), angle=30, start=(1, 0.6), steps=50, hyper={}
    )
    np.testing.assert_allclose(theta[:, 0], truth.theta[-1], rtol=1e-12)
    value = [x @ h @ x / 2 for x in truth.theta]
    np.testing.assert_allclose(losses[:, 0], value, rtol=1e-10)


def test_steady_is_the_first_step_from_which_it_stays():
    losses = np.array([[9, 9, 0.1, 9], [0.1, 9, 0.1, np.nan], [9, 0.1, 0.1, 0.1], [0.1, 0.1, 9, 1]])
    np.testing.assert_array_equal(steady(losses, 0.5), [3, 2, np.nan, np.nan])
    np.testing.assert_array_equal(steady(losses[:2], 9.5), [0, 0, 0, np.nan])


def test_frequencies_and_rates():
    assert zipf(3) == pytest.approx((6 / 11, 3 / 11, 2 / 11))
    grid = rates(1e-3, 1e5)
    assert len(grid) == 8 * PER_DECADE + 1 and (grid[0], grid[-1]) == (1e-3, 1e5)
    assert 1.0 in grid and 0.1 in grid


# ---------------------------------------------------------------------------- JavaScript


@pytest.mark.parametrize("problem", ["quadratic", "words"])
@pytest.mark.parametrize("angle", [0, 20])
def test_javascript_is_numpy_for_every_rule(problem, angle, tmp_path):
    text = problem == "words"
    shape = {"words": 5} if text else {"curvatures": (4, 1, 0.25), "start": (1, -2, 0.5)}
    figure = live.spectrum(
        SHOWN, problem=problem, steps=80, lr=0.05, noise=0.3, seed=7, target=0.2, **shape
    )
    found = of(seen(figure, tmp_path, angle=angle))
    weights = zipf(5) if text else shape["curvatures"]
    start = (1,) * 5 if text else shape["start"]
    book = {"noise": 0.3, "seed": 7} if text else {}
    for name in SHOWN:
        r, got = rules.get(name), found[name]
        same = {"weights": weights, "angle": angle, "start": start, "steps": 80, "hyper": {}}
        losses, _ = descend(r, 0.05, **same, **book)
        np.testing.assert_allclose(got["loss"], losses[:, 0], rtol=1e-9, err_msg=name)
        counts = steady(descend(r, figure.view.spec["grid"], **same, **book)[0], 0.2)
        np.testing.assert_array_equal(np.array(got["sweep"], float), counts, err_msg=name)
        best = int(np.nanargmin(counts)) if np.isfinite(counts).any() else None
        assert got["best"] == best
        assert got["decades"] == pytest.approx(np.isfinite(counts).sum() / PER_DECADE)


def test_the_effective_step_is_what_the_rule_divides_by(tmp_path):
    """From the states of the rule: lr over root and eps; lr alone without a division."""
    names = ("gradient_descent", "momentum", "adagrad", "rmsprop", "adam")
    figure = live.spectrum(names, problem="words", words=4, steps=60, lr=0.1, noise=0.2, seed=5)
    found = of(seen(figure, tmp_path))
    for name in names:
        r = rules.get(name)
        theta, h = np.ones(4), {**r.hyper, "lr": 0.1}
        state, absent = r.init(theta), np.ones(4, bool)
        order = np.searchsorted(np.cumsum(zipf(4)), uniforms(100_005, 61), side="right")
        kicks = 0.2 * deviates(5, 61)
        for t in range(1, 61):
            g = np.zeros(4)
            g[order[t]] = theta[order[t]] + kicks[t]
            theta, state = r.step(theta, g, state, t, h)
            absent &= g == 0
            v = {"adagrad": 0, "rmsprop": 0, "adam": 1}.get(name)
            root = np.ones(4) if v is None else np.sqrt(state[v] / (1 - 0.999**t if v else 1))
            root = root if v is None else root + h["eps"]
            got = np.array([e[t] for e in found[name]["effective"]], float)
            assert (np.isnan(got) == absent).all(), (name, t)
            np.testing.assert_allclose(got[~absent], 0.1 / root[~absent], rtol=1e-9, err_msg=name)


def test_first_sight_makes_the_point(tmp_path):
    figure = live.spectrum()
    level, tilted = of(seen(figure, tmp_path)), of(seen(figure, tmp_path, angle=45))
    assert level["gradient_descent"]["diverged"] and not level["adagrad"]["diverged"]
    assert level["gradient_descent"]["sweep"] == tilted["gradient_descent"]["sweep"]
    assert level["gradient_descent"]["decades"] < 1 and level["adagrad"]["decades"] > 6
    ada = level["adagrad"]
    assert ada["sweep"][ada["best"]] <= 3
    assert tilted["adagrad"]["sweep"][tilted["adagrad"]["best"]] > 150
    assert tilted["adagrad"]["decades"] > 5.5
    flat, steep = (e[-1] for e in ada["effective"])
    assert flat / steep > 50, "the flat direction gets the longer step"
    x, y = (e[-1] for e in tilted["adagrad"]["effective"])
    assert 0.9 < x / y < 1.1, "turned, both get the same"


def test_a_hundred_thousand_works(tmp_path):
    ada = of(seen(live.spectrum(start=(1, 1), lr=1e5), tmp_path))["adagrad"]
    assert [ada["loss"][k] for k in (1, 2)] == pytest.approx([5.05e11, 50.5], rel=2e-2)
    assert ada["loss"][5] < 1e-25 and ada["steady"] <= 4


def test_each_at_its_best_takes_the_best_of_the_grid(tmp_path):
    found = of(seen(live.spectrum(best=True), tmp_path))
    for r in found.values():
        assert r["hyper"]["lr"] == live.spectrum().view.spec["grid"][r["best"]]
        assert r["steady"] == r["sweep"][r["best"]]


def test_a_rule_without_memory_skips_absent_words_alone():
    spec = live.spectrum(SHOWN).view.spec
    assert set(spec["idle"]) == {"gradient_descent", "adagrad"}
    assert spec["numerators"]["adam"] == "m_hat" and spec["numerators"]["momentum"] == "u"
    assert spec["numerators"]["adagrad"] == "g"
    order = live.spectrum(curvatures=(1, 100, 10)).view.spec["order"]
    assert order == [2, 0, 1] and math.isclose(sum(zipf(8)), 1)
