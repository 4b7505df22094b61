"""The schedule designer without a browser: arguments, and its recurrence against single kicks."""

import json

import numpy as np
import pytest
from test_live import in_node, linked
from test_live_noise_floor import shown

from optlib import live, rules, schedules
from optlib.live.schedule_designer import best_rate, drawn, effect


def test_each_control_is_linked_to_the_trait_of_its_name():
    figure = live.schedule_designer()
    links = linked(figure)
    own = {"schedule", "lr", "average", "beside", "beside_lr", "beside_average"}
    rest = {"warmup", "cooldown", "decay", "gamma", "power", "ema", "best", "step"}
    assert set(links) == set(figure.controls) == own | rest
    for name, (control, trait) in links.items():
        assert control is figure.controls[name]
        assert getattr(control, trait) == getattr(figure.view, name)
    few = live.schedule_designer(controls=("schedule", "beside"))
    assert list(few.controls) == ["step", "schedule", "beside"]
    assert "power" not in live.schedule_designer("knots", schedules="constant").controls


def test_a_power_that_cannot_be_changed_is_named_in_the_menu():
    every = live.schedule_designer().controls["schedule"].options
    assert "polynomial" in every and "warm-up, stable, decay (WSD)" in every
    square = live.schedule_designer(power=2, controls=("schedule",)).controls["schedule"].options
    assert square == every
    few = live.schedule_designer(controls=("schedule", "beside")).controls
    assert "linear" in few["schedule"].options and "linear" in few["beside"].options


@pytest.mark.parametrize(
    "make",
    [
        lambda: live.schedule_designer(),
        lambda: live.schedule_designer("knots", "wsd", knots=((0, 0.2), (0.4, 1), (1, 0.1))),
        lambda: live.schedule_designer("cosine", lr=0.3, beside_lr=0.2, average="EMA", ema=0.99),
        lambda: live.schedule_designer(
            schedules=(schedules.cosine(lr=1, steps=200, lr_min=0.01), "inverse_t"), steps=300
        ),
        lambda: live.schedule_designer(
            curvatures=4, noise=0.5, ranges={"lr": (0.01, 0.4)}, controls=("lr",), shown="this"
        ),
    ],
    ids=range(5),
)
def test_the_call_that_is_copied_makes_the_same_figure(make):
    figure = make()
    spec = figure.view.spec
    call = ", ".join([spec["call"], *(f"{k}={v!r}" for k, v in shown(figure).items())])
    again = eval(  # our own text
        f"live.schedule_designer({call})", {"live": live, "schedules": schedules}
    )
    assert again.view.module == figure.view.module
    assert {**again.view.spec, "name": ""} == {**spec, "name": ""}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"schedule": "cosin"}, "no schedule named 'cosin'.*cosine"),
        ({"beside": "warmup"}, "warmup cannot be offered here without arguments"),
        ({"schedules": ("one_cycle_momentum",)}, "one_cycle_momentum cannot be offered"),
        ({"steps": 5}, "steps is 5; allowed: a whole number from 20"),
        ({"curvatures": (1, -1)}, "curvatures is .*one to five positive"),
        ({"curvatures": "flat"}, "curvatures is"),
        ({"noise": -1}, "noise is -1"),
        ({"start": float("nan")}, "start is nan"),
        ({"lr": 4}, "lr is 4; this figure allows"),
        ({"beside_lr": 0}, "beside_lr is 0"),
        ({"average": "mean"}, "average is 'mean'; allowed: 'none', 'all', 'last half'"),
        ({"beside_average": "every"}, "beside_average is 'every'"),
        ({"ema": 2}, "ema is 2"),
        ({"warmup": 501}, "warmup is 501; allowed: a whole number from 0 to 500"),
        ({"cooldown": 0}, "cooldown is 0"),
        ({"decay": 0}, "decay is 0"),
        ({"gamma": 3}, "gamma is 3"),
        ({"power": -1}, "power is -1"),
        ({"step": 1001}, "step is 1001"),
        ({"shown": "both"}, "shown holds 'both'; allowed: 'this', 'beside'"),
        ({"controls": ("rate",)}, "'rate' is no setting here; allowed: lr"),
        ({"ranges": {"best": (0, 1)}}, "'best' is no setting here; allowed: lr"),
        ({"knots": ((0, 1), (0.5, 2), (1, 0))}, "knots is .*allowed: 2 to 8 points"),
        ({"knots": ((0, 1), (0, 0.5), (1, 0))}, "knots is"),
        ({"knots": ((0, 1), (0.5, 0))}, "knots is .*the last at 1"),
        ({"knots": ((0.2, 1), (1, 0))}, "knots is .*the first at 0"),
        ({"knots": ((0, 1, 1),)}, "knots is"),
        ({"knots": "up"}, "knots is 'up'"),
        ({"recorded": {("cosin", "none"): [2, 1]}}, "recorded has .'cosin', 'none'.*offered here"),
        ({"recorded": {("cosine", "mean"): [2, 1]}}, "recorded has .*an average .'none', 'all'"),
        ({"recorded": {"cosine": [2, 1]}}, "recorded.'cosine'.; allowed: for a pair"),
        ({"recorded": {("cosine", "none"): [2]}}, "two records or more"),
        ({"recorded": {("cosine", "none"): [2, float("nan")]}}, "finite losses"),
        ({"name": "my figure"}, "name is 'my figure'; allowed: a letter"),
    ],
    ids=lambda x: next(iter(x)) if isinstance(x, dict) else "",
)
def test_a_bad_argument_is_named_with_what_is_allowed(arguments, words):
    with pytest.raises((ValueError, TypeError), match=words):
        live.schedule_designer(**arguments)


def test_recorded_runs_are_summed_up_for_the_figure():
    runs = {("cosine", "none"): [[2.0, 1.0, 0.5], [2.0, 2.0, 0.7]], ("constant", "EMA"): [3, 2]}
    figure = live.schedule_designer("cosine", recorded=runs)
    found = figure.view.spec["recorded"]
    assert found["cosine|none"] == {
        "mean": [2.0, 1.5, 0.6],
        "low": [2.0, 1.0, 0.5],
        "high": [2.0, 2.0, 0.7],
    }
    assert found["constant|EMA"]["mean"] == [3, 2]
    assert "recorded=recorded" in figure.view.spec["call"]
    assert live.schedule_designer().view.spec["recorded"] is None


def test_the_table_holds_what_was_recorded(tmp_path):
    figure = live.schedule_designer(
        "cosine", steps=20, recorded={("cosine", "none"): [2, 1.5, 1, 0.5, 0.25]}
    )
    script = f"""
    const spec = {json.dumps(figure.view.spec)}, at = {json.dumps(shown(figure))};
    const made = figure.scheduleDesigner(spec), data = made.compute((name) => at[name], {{}});
    const {{head, rows}} = made.table(data), tall = [300, 900].map((w) => made.height(w));
    const without = figure.scheduleDesigner({{...spec, recorded: null}});
    const bare = [300, 900].map((w) => without.height(w));
    console.log(JSON.stringify([head, rows.map((r) => r[4]), made.describe(data), tall, bare]));
    """
    head, column, words, tall, bare = in_node(figure.view.module, script, tmp_path)
    assert head[4] == "cosine: recorded loss" and len(head) == 8
    kept = dict(zip((0, 5, 10, 15, 20), (2, 1.5, 1, 0.5, 0.25)))
    assert column == [kept.get(t, "") for t in range(21)]
    assert "Recorded final loss: cosine 0.25." in words
    assert all(more == less + 220 for more, less in zip(tall, bare))


def test_the_still_is_a_picture():
    assert live.schedule_designer("knots").still()[:4] == b"\x89PNG"


# ---------------------------------------------------------------------------- the recurrence


@pytest.mark.parametrize("average", ["none", "all", "last half", "EMA"])
@pytest.mark.parametrize(
    "schedule",
    [
        schedules.cosine(lr=0.4, steps=31),
        schedules.wsd(lr=0.5, steps=31, warmup=4, cooldown=9),
    ],
    ids=["cosine", "wsd"],
)
def test_the_expected_loss_is_exact(schedule, average):
    """Everything is linear: the variance is the sum of squares of the answers to single kicks."""
    steps, noise, r = 31, 0.7, rules.gradient_descent

    def answer(curvature, start, kick):
        theta, kept, half = start, [start], steps // 2
        for t in range(1, steps + 1):
            g = curvature * theta + noise * (t == kick)
            theta = r(theta, g, t=t, lr=schedule(t))
            w = {"none": 1, "all": 1 / t, "EMA": 0.2, "last half": 1 / max(1, t - half)}[average]
            kept.append(kept[-1] + w * (theta - kept[-1]))
        return np.array(kept)

    noisy = sum(c / 2 * answer(c, 0.0, k) ** 2 for c in (1, 0.2) for k in range(1, steps + 1))
    whole = noisy + sum(c / 2 * answer(c, 3.0, 0) ** 2 for c in (1, 0.2))
    problem = {"curvatures": (1, 0.2), "noise": noise, "start": 3.0}
    rate = [schedule(t) for t in range(1, steps + 1)]
    found = effect(rate, average, 0.8, **problem)
    np.testing.assert_allclose(found[0], whole, rtol=1e-12)
    np.testing.assert_allclose(found[1], noisy, rtol=1e-12, atol=1e-15)
    several = effect(np.multiply.outer(rate, [1.0, 0.5]), average, 0.8, **problem)
    np.testing.assert_allclose(several[0][:, 0], whole, rtol=1e-12)


@pytest.mark.parametrize("average", ["none", "all", "last half", "EMA"])
def test_javascript_is_numpy(average, tmp_path):
    problem = {"curvatures": (2.0, 0.3), "noise": 0.6, "start": -3.0}
    rate = drawn(((0, 0.2), (0.3, 1), (1, 0.1)), 0.4, 50)
    seen = {"curvatures": [2.0, 0.3], "noise": 0.6, "from": -3.0}
    script = f"""
    const {{loss, noisy}} = figure.effect(Float64Array.from([0, ...{rate.tolist()}]),
      {average!r}, 0.9, {json.dumps(seen)});
    console.log(JSON.stringify([[...loss], [...noisy]]));
    """
    found = in_node(live.schedule_designer().view.module, script, tmp_path)
    np.testing.assert_allclose(found, effect(rate, average, 0.9, **problem), rtol=1e-11)


# Each at its best of 40 step sizes up to 1.9, after 1000 steps on curvatures 1, 0.1, 0.01.
FINAL = {
    ("constant", "none"): 0.135,
    ("multi_step", "none"): 0.105,
    ("inverse_sqrt", "none"): 0.103,
    ("wsd", "none"): 0.085,
    ("inverse_t", "none"): 0.083,
    ("cosine", "none"): 0.074,
    ("polynomial", "none"): 0.070,
    ("constant", "last half"): 0.064,
    ("constant", "all"): 0.053,
}


def test_the_order_of_the_schedules_in_the_figure_itself(tmp_path):
    figure = live.schedule_designer(ranges={"lr": (1e-3, 1.9)})
    script = f"""
    const spec = {json.dumps(figure.view.spec)}, first = {json.dumps(shown(figure))};
    const out = {json.dumps([list(k) for k in FINAL])}.map(([schedule, average]) => {{
      const at = {{...first, schedule, average}};
      const [d] = figure.compute(spec, (name) => at[name], {{}}).designs;
      return [d.lr, d.loss[1000], d.best.final, d.loss[500]];
    }});
    console.log(JSON.stringify(out));
    """
    make = {
        "constant": lambda lr: schedules.constant(lr=lr),
        "multi_step": lambda lr: schedules.multi_step(lr=lr, milestones=(500, 750)),
        "inverse_sqrt": lambda lr: schedules.inverse_sqrt(lr=lr, decay=0.02),
        "wsd": lambda lr: schedules.wsd(lr=lr, steps=1000, warmup=0, cooldown=200),
        "inverse_t": lambda lr: schedules.inverse_t(lr=lr, decay=0.02),
        "cosine": lambda lr: schedules.cosine(lr=lr, steps=1000),
        "polynomial": lambda lr: schedules.polynomial(lr=lr, steps=1000),
    }
    halfway, refined = {}, 0
    for (name, average), found in zip(FINAL, in_node(figure.view.module, script, tmp_path)):
        lr, final, best, half = found
        rate = np.array([make[name](lr)(t) for t in range(1, 1001)])
        truth = effect(rate, average)[0]
        assert final == pytest.approx(truth[-1], rel=1e-10) and best == final, name
        assert half == pytest.approx(truth[500], rel=1e-10)
        halfway[name, average] = half

        def unit(peaks, f=make[name]):
            return np.multiply.outer([f(1.0)(t) for t in range(1, 1001)], peaks)

        of_grid = best_rate(unit, (1e-3, 1.9), average)[1]
        assert of_grid == pytest.approx(FINAL[name, average], abs=6e-4)
        assert 0.98 * of_grid < final <= of_grid, name
        refined += final < of_grid
    assert refined == len(FINAL), "golden sections come nearer than the grid"
    # Anytime and final disagree, but for the mean of all.
    assert min(halfway, key=halfway.get) == ("constant", "all")
    assert min((k for k in halfway if k[1] == "none"), key=halfway.get) == ("inverse_t", "none")
    assert halfway["inverse_t", "none"] < 0.8 * halfway["polynomial", "none"]


def test_python_offers_the_same_step_sizes_as_the_figure(tmp_path):
    own = schedules.warmup_cosine(lr=9, steps=150, warmup=20, lr_min=0.01)
    offered = (own, "exponential", "step", "one_cycle", "wsd", "inverse_t", "multi_step", "knots")
    figure = live.schedule_designer(schedules=offered, steps=200, warmup=30)
    spec = figure.view.spec
    script = f"""
    const spec = {json.dumps(spec)}, first = {json.dumps(shown(figure))};
    const out = {{}};
    for (const schedule of Object.keys(spec.takes)) {{
      const at = {{...first, schedule}}, d = figure.design(spec, (name) => at[name], "this");
      out[schedule] = [...figure.rates({{...d, lr: 0.3}}, 200).subarray(1)];
    }}
    console.log(JSON.stringify(out));
    """
    found = in_node(figure.view.module, script, tmp_path)
    t = np.arange(1, 201)
    truth = {
        "warmup_cosine": schedules.warmup_cosine(lr=0.3, steps=150, warmup=20, lr_min=0.01),
        "exponential": schedules.exponential(lr=0.3, gamma=0.01 ** (1 / 200)),
        "step": schedules.step(lr=0.3, every=66, gamma=0.1),
        "one_cycle": schedules.one_cycle(lr=0.3, steps=200),
        "wsd": schedules.wsd(lr=0.3, steps=200, warmup=30, cooldown=40),
        "inverse_t": schedules.inverse_t(lr=0.3, decay=0.1),
        "multi_step": schedules.multi_step(lr=0.3, milestones=(100, 150)),
        "knots": lambda t: drawn(((0, 1), (0.5, 1), (0.8, 0.3), (1, 0)), 0.3, 200)[t - 1],
    }
    for name, schedule in truth.items():
        np.testing.assert_allclose(found[name], [schedule(k) for k in t], rtol=1e-12, err_msg=name)
    assert set(found) == {*truth, "polynomial", "constant"}


def test_knots_are_added_removed_and_held_between_their_neighbours(tmp_path):
    script = """
    const k = [0, 1, 0.5, 1, 0.8, 0.3, 1, 0];
    console.log(JSON.stringify([figure.more(k), figure.fewer(k),
      figure.fewer([0, 1, 0.4, 0.7, 0.7, 0.1, 1, 0]),
      figure.withKnot(k, 1, 0.9, 1.2), figure.withKnot(k, 0, 0.3, -1), figure.height(k, 0.65)]));
    """
    added, removed, first_out, held, first, between = in_node(
        live.schedule_designer().view.module, script, tmp_path
    )
    assert added == [0, 1, 0.25, 1, 0.5, 1, 0.8, 0.3, 1, 0]
    assert removed == [0, 1, 0.5, 1, 1, 0]  # 0.8 is nearly on the line from 0.5 to 1
    assert first_out == [0, 1, 0.7, 0.1, 1, 0]
    assert held == [0, 1, 0.795, 1, 0.8, 0.3, 1, 0]
    assert first == [0, 0, 0.5, 1, 0.8, 0.3, 1, 0]
    assert between == pytest.approx(0.65)


def test_divergence_is_told(tmp_path):
    figure = live.schedule_designer("constant", lr=3.0, beside_lr=0.2)
    script = f"""
    const spec = {json.dumps(figure.view.spec)}, at = {json.dumps(shown(figure))};
    const [a, b] = figure.compute(spec, (name) => at[name], {{}}).designs;
    console.log(JSON.stringify([a.diverged, b.diverged, a.best.final]));
    """
    step, none, final = in_node(figure.view.module, script, tmp_path)
    loss = effect(np.full(1000, 3.0))[0]
    assert step == np.flatnonzero(~np.isfinite(loss))[0] and none is None
    assert final == pytest.approx(0.1344, abs=2e-4)


def test_without_noise_the_loss_falls_and_no_number_is_missing(tmp_path):
    figure = live.schedule_designer("cosine", noise=0, average="EMA", knots=(0, 0, 1, 0))
    script = f"""
    const spec = {json.dumps(figure.view.spec)}, at = {json.dumps(shown(figure))}, out = [];
    for (const schedule of ["cosine", "knots"]) {{
      const get = (name) => (name === "schedule" ? schedule : at[name]);
      const [d] = figure.compute(spec, get, {{}}).designs;
      out.push([d.loss[0], d.loss[1000], d.noisy[1000], d.best.final]);
    }}
    console.log(JSON.stringify(out));
    """
    cosine, still = in_node(figure.view.module, script, tmp_path)
    assert cosine[0] == pytest.approx(55.5) and cosine[1] < 1e-2 and cosine[2] == 0
    assert still == pytest.approx([55.5, 55.5, 0, 55.5]), "all knots at 0: no step is taken"
