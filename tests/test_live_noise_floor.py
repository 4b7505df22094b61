"""The noise floor without a browser: arguments, and its JavaScript against NumPy and formulas."""

import json

import numpy as np
import pytest
from test_live import in_node, linked

from optlib import live, rules
from optlib.live.noise_floor import (
    averaged,
    cloud,
    deviates,
    least_squares,
    sgd_rows,
    uniforms,
)


def shown(figure):
    """{setting: value}, the names of choices in place of their index."""
    spec = figure.view.spec
    return {k: spec["choices"][k][v] if k in spec["choices"] else v
            for k, v in spec["defaults"].items()}  # fmt: skip


# ---------------------------------------------------------------------------- traits, arguments


@pytest.mark.parametrize("problem", ["quadratic", "least_squares"])
def test_each_control_is_linked_to_the_trait_of_its_name(problem):
    figure = live.noise_floor(problem)
    links = linked(figure)
    own = {"step"} if problem == "quadratic" else {"d"}
    assert set(links) == set(figure.controls) == {"lr", "batch", "average", "decay", "seed"} | own
    for name, (control, trait) in links.items():
        assert control is figure.controls[name]
        assert getattr(control, trait) == getattr(figure.view, name)


def test_momentum_brings_its_beta_and_controls_can_be_left_out():
    figure = live.noise_floor(rule="momentum", beta=0.5, averages="none")
    assert figure.controls["beta"].value == 0.5 and "decay" not in figure.controls
    assert "average" not in figure.controls
    few = live.noise_floor("least_squares", controls=("d", "lr"), batch=5)
    assert list(few.controls) == ["d", "lr"] and few.view.batch == 5
    assert few.view.spec["marks"].keys() == {"lr"}


@pytest.mark.parametrize(
    "make",
    [
        lambda: live.noise_floor(name="a", lr=0.003, batch=8, average="EMA"),
        lambda: live.noise_floor(rule="momentum", curvatures=3, start=0.5, beta=0.7, steps=300),
        lambda: live.noise_floor("least_squares", rows=40, d=40, controls=("d",), seeds=2),
        lambda: live.noise_floor("least_squares", ranges={"lr": (0.1, 1.0)}, shown="above"),
        lambda: live.noise_floor(averages="none", seed=4, step=30, noise=1.0, seeds=20),
    ],
    ids=range(5),
)
def test_the_call_that_is_copied_makes_the_same_figure(make):
    figure = make()
    spec = figure.view.spec
    given = {k: v for k, v in shown(figure).items() if len(spec["choices"].get(k, "ab")) > 1}
    call = ", ".join([spec["call"], *(f"{k}={v!r}" for k, v in given.items())])
    again = eval(f"live.noise_floor({call})", {"live": live})  # our own text
    assert again.view.module == figure.view.module
    assert {**again.view.spec, "name": ""} == {**spec, "name": ""}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"problem": "cubic"}, "problem is 'cubic'; allowed: 'quadratic', 'least_squares'"),
        ({"rule": "adam"}, "adam keeps m, v"),
        ({"rule": "momentm"}, "momentm.*momentum"),
        ({"problem": "least_squares", "rule": "momentum"}, "least_squares takes 'gradient_desc"),
        ({"curvatures": (1, 2, 3)}, "allowed: one or two positive numbers"),
        ({"curvatures": (1, -2)}, "one or two positive"),
        ({"start": (1,)}, r"start is \(1.0,\); allowed: 2 finite numbers"),
        ({"start": "here"}, "start is"),
        ({"noise": -1}, "noise is -1"),
        ({"lr": 0.5}, "lr is 0.5; this figure allows"),
        ({"lr": -0.5}, "lr is -0.5"),
        ({"batch": 0}, "batch is 0; this figure allows 1"),
        ({"average": "mean"}, "average is 'mean'; allowed: 'none', 'last half', 'EMA'"),
        ({"decay": 1.5}, "decay is 1.5"),
        ({"steps": 5}, "steps is 5; allowed: a whole number from 10"),
        ({"steps": 20_000, "seeds": 100}, "seeds is 100; with 20000 steps at most 20"),
        ({"step": 3000}, "step is 3000"),
        ({"beta": 0.5}, "'beta' is no hyperparameter of gradient_descent"),
        ({"controls": ("rate",)}, "'rate' is no setting here; allowed: lr, batch"),
        ({"ranges": {"d": (1, 2)}}, "'d' is no setting here"),
        ({"shown": "above"}, "shown holds 'above'; allowed: 'direction 0'"),
        ({"problem": "least_squares", "d": 301}, "d is 301; allowed: a whole number from 5 to 300"),
        ({"problem": "least_squares", "rows": 3}, "rows is 3"),
        ({"seed": 100}, "seed is 100.*0 to 99"),
        ({"name": "my figure"}, "name is 'my figure'; allowed: a letter"),
    ],
    ids=lambda x: next(iter(x)) if isinstance(x, dict) else "",
)
def test_a_bad_argument_is_named_with_what_is_allowed(arguments, words):
    with pytest.raises((ValueError, TypeError), match=words):
        live.noise_floor(**arguments)


@pytest.mark.parametrize(
    "arguments", [{}, {"curvatures": 2.0}, {"problem": "least_squares"}], ids=range(3)
)
def test_the_still_is_a_picture(arguments):
    assert live.noise_floor(**arguments).still()[:4] == b"\x89PNG"


# ---------------------------------------------------------------------------- JavaScript


def test_random_numbers_are_the_same_in_both_languages(tmp_path):
    script = """
    const u = figure.uniforms(7);
    console.log(JSON.stringify([Array.from({length: 50}, u), [...figure.deviates(12345, 2000)]]));
    """
    flat, normal = in_node(live.noise_floor().view.module, script, tmp_path)
    np.testing.assert_array_equal(flat, uniforms(7, 50))
    np.testing.assert_allclose(normal, deviates(12345, 2000), rtol=1e-12, atol=1e-15)
    many = deviates(3, 20_000)
    assert abs(many.mean()) < 0.03 and abs(many.std() - 1) < 0.03


@pytest.mark.parametrize("name", ["gradient_descent", "momentum", "nesterov"])
@pytest.mark.parametrize("average", ["none", "last half", "EMA"])
def test_the_cloud_is_the_rule(name, average, tmp_path):
    r, curvatures, start = rules.get(name), [1.0, 30.0], [1.0, -0.2]
    hyper = {**r.hyper, "lr": 0.02, **({"beta": 0.6} if "beta" in r.hyper else {})}
    script = f"""
    const {{path, loss}} = figure.cloud(figure.RULE, {{curvatures: {curvatures}, start: {start},
      steps: 41, seeds: 5, sd: 0.7, hyper: {json.dumps(hyper)}, z: figure.deviates(9, 41 * 10),
      average: {average!r}, decay: 0.8}});
    console.log(JSON.stringify([[...path], loss.map((l) => [...l])]));
    """
    path, loss = in_node(live.noise_floor(rule=name).view.module, script, tmp_path)
    truth = averaged(cloud(r, curvatures, start, 41, 5, 0.7, hyper, 9), average, 0.8)
    np.testing.assert_allclose(np.reshape(path, truth.shape), truth, rtol=1e-11, atol=1e-13)
    half = np.array(curvatures)[:, None] * (truth**2).mean(2).T / 2
    np.testing.assert_allclose(loss, half, rtol=1e-11)


@pytest.mark.parametrize("name", ["gradient_descent", "momentum", "nesterov"])
@pytest.mark.parametrize("average", ["none", "last half", "EMA"])
def test_mean_and_variance_are_exact(name, average, tmp_path):
    """Everything is linear: the variance is the sum of squares of the answers to single kicks."""
    r, curvature, steps = rules.get(name), 4.0, 30
    hyper = {**r.hyper, "lr": 0.1, **({"beta": 0.6} if "beta" in r.hyper else {})}
    script = f"""
    const step = figure.linear(figure.RULE, {curvature}, {json.dumps(hyper)}), half = {steps // 2};
    const weight = {{none: () => 1, EMA: () => 0.2,
      "last half": (t) => (t > half ? 1 / (t - half) : 1)}}[{average!r}];
    const {{mean, variance}} = figure.moments(step, 1.5, {steps}, 0.49, weight);
    console.log(JSON.stringify([[...mean], [...variance]]));
    """
    mean, variance = in_node(live.noise_floor(rule=name).view.module, script, tmp_path)

    def answer(start, kick):
        theta, state, path = np.array(start), r.init(np.array(start)), [start]
        for t in range(1, steps + 1):
            g = curvature * r.point(theta, state, t, hyper) + (t == kick)
            theta, state = r.step(theta, g, state, t, hyper)
            path.append(theta)
        return averaged(np.array(path), average, 0.8)

    np.testing.assert_allclose(mean, answer(1.5, 0), rtol=1e-11, atol=1e-14)
    truth = 0.49 * sum(answer(0.0, k) ** 2 for k in range(1, steps + 1))
    np.testing.assert_allclose(variance, truth, rtol=1e-10, atol=1e-15)


def test_the_floor_is_the_formula(tmp_path):
    script = """
    const out = [];
    for (const lr of [0.001, 0.1, 1, 1.9, 2, 2.5, 3.7, 3.81]) for (const curvature of [0.3, 1])
      out.push([lr, curvature, figure.stationary(figure.linear(figure.RULE, curvature,
        {lr, beta: 0.9}), 4)].map((v) => (v === Infinity ? "inf" : v)));
    console.log(JSON.stringify(out));
    """
    for lr, c, found in in_node(live.noise_floor().view.module, script, tmp_path):
        truth = lr * 4 / (c * (2 - lr * c)) if lr * c < 2 else np.inf
        assert float(found) == pytest.approx(truth, rel=1e-9), (lr, c)
    for lr, c, found in in_node(live.noise_floor(rule="momentum").view.module, script, tmp_path):
        stable = lr * c < 2 * 1.9
        truth = lr * 4 * 1.9 / (c * 0.1 * (2 * 1.9 - lr * c)) if stable else np.inf
        assert float(found) == pytest.approx(truth, rel=1e-9), (lr, c)


SEEN = """
const spec = SPEC, at = AT;
const found = figure[PLACE](spec, (name) => at[name], {});
const spelt = (k, v) => (v instanceof Float64Array ? [...v] : v === Infinity ? "inf" : v);
console.log(JSON.stringify({...found, hyper: 0}, spelt));
"""


def seen(figure, tmp_path, **changes):
    place = "quadratic" if figure.view.spec["problem"] == "quadratic" else "interpolation"
    text = SEEN.replace("SPEC", json.dumps(figure.view.spec)).replace("PLACE", repr(place))
    text = text.replace("AT", json.dumps({**shown(figure), **changes}))
    return in_node(figure.view.module, text, tmp_path)


def test_first_sight_measures_the_floor_in_either_direction(tmp_path):
    found = seen(live.noise_floor(), tmp_path)
    for curve in found["curves"]:
        assert curve["measured"] / curve["theory"] == pytest.approx(1, abs=0.15)
        assert curve["theory"] / curve["floor"] == pytest.approx(1, abs=0.02)
    flat, steep, both = (c["floor"] for c in found["curves"])
    assert flat == pytest.approx(0.004 * 4 / (2 * (2 - 0.004)), rel=1e-9)
    assert steep == pytest.approx(flat * 1.996 / 1.6, rel=1e-9) and both == flat + steep


def test_batch_and_average_lower_the_floor_and_a_long_step_has_none(tmp_path):
    figure = live.noise_floor(steps=1000, seeds=10, curvatures=(20, 100), lr=0.002)
    base = seen(figure, tmp_path)
    larger = seen(figure, tmp_path, batch=10)
    assert larger["total"]["floor"] == pytest.approx(base["total"]["floor"] / 10, rel=1e-9)
    last = seen(figure, tmp_path, average="last half")
    assert last["total"]["floor"] == 0
    assert last["total"]["theory"] < 0.4 * base["total"]["theory"]
    ema = seen(figure, tmp_path, average="EMA")
    assert ema["total"]["theory"] / ema["total"]["floor"] == pytest.approx(1, abs=0.03)
    assert 0 < ema["total"]["floor"] < 0.5 * base["total"]["floor"]
    far = seen(figure, tmp_path, lr=0.0201)
    assert far["diverged"] and far["total"]["floor"] == "inf"
    assert not base["diverged"]


@pytest.mark.parametrize("d", [5, 60, 99, 100, 140])
@pytest.mark.parametrize(("batch", "average"), [(1, "none"), (3, "last half"), (1, "EMA")])
def test_least_squares_is_sgd_on_the_weights(d, batch, average, tmp_path):
    script = f"""
    const world = figure.world(42, 100, 150, 0.5), options = {{lr: 0.4, batch: {batch},
      steps: 120, average: {average!r}, decay: 0.9}};
    const found = figure.leastSquares(world, {d}, 42, options);
    console.log(JSON.stringify([found.every, [...found.loss], [...found.above], found.least]));
    """
    figure = live.noise_floor("least_squares")
    every, loss, above, least = in_node(figure.view.module, script, tmp_path)
    x, y = least_squares(100, d, 0.5, 42, 150)
    path = averaged(sgd_rows(x, y, 0.4, batch, 120, 42), average, 0.9)
    truth = ((path @ x.T - y) ** 2).mean(1) / 2
    best = np.linalg.lstsq(x, y)[0]
    lowest = ((x @ best - y) ** 2).mean() / 2
    assert every == 1
    np.testing.assert_allclose(loss, truth, rtol=1e-9)
    assert least == pytest.approx(lowest if d < 100 else 0, rel=1e-8, abs=1e-16)
    np.testing.assert_allclose(above, truth - least, rtol=1e-6)


def test_the_floor_vanishes_above_n(tmp_path):
    figure = live.noise_floor("least_squares")
    below, above = (seen(figure, tmp_path, d=d)["curves"][0] for d in (20, 200))
    assert min(below["values"][100:]) > 5e-3 and 1e-2 < below["tail"] < 1e-1
    assert above["tail"] < 2e-4 and above["end"] < 1e-2 * below["end"]
    found = seen(figure, tmp_path, d=200)
    assert found["least"] == 0 and found["diverged"] is None
    ends = dict(found["sweep"])
    assert min(ends[10], ends[20], ends[40]) > 1e-2 and ends[300] < 1e-5
    assert not found["grows"]
    wild = seen(figure, tmp_path, lr=2.5)
    assert wild["grows"] and wild["diverged"] is None
    gone = seen(figure, tmp_path, lr=2.5, d=5)
    assert 100 < gone["diverged"] < 5000 and gone["curves"][0]["tail"] == "inf"
