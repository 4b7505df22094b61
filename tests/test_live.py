"""Live figures without a browser: traits, controls, errors, and the JavaScript against NumPy."""

import io
import json
import math
import re
import shutil
import subprocess

import numpy as np
import pytest
from ipywidgets.embed import dependency_state
from PIL import Image

from optlib import live, rule, rules, run, surfaces
from optlib.live import frame
from optlib.live.stepper import CORRECTIONS, PRESETS

RACERS = [r for r in rules.ALL.values() if "orthogonalize" not in r.fn.__code__.co_names]


@rule
def half_step(theta, g, *, t, lr=0.1, gain=0.5, mirrored=False):
    theta = theta - lr * gain * g
    return theta


def linked(figure):
    """{setting: (control, its trait)} as the browser will link them."""
    links = [
        w
        for w in figure.controls.values()
        for w in type(w).widgets.values()
        if type(w).__name__ == "Link" and w.source[0] is figure.view
    ]
    return {w.source[1]: w.target for w in links}


# ---------------------------------------------------------------------------- traits and controls


def test_each_control_is_linked_to_the_trait_of_its_name():
    figure = live.descent(
        ("momentum", "adam"), surfaces=("beale",), schedules=("cosine",), noise=1.0, lr=0.1
    )
    links = linked(figure)
    assert set(links) == set(figure.controls)
    for name, (control, trait) in links.items():
        assert control is figure.controls[name]
        assert getattr(control, trait) == getattr(figure.view, name)
        assert trait == ("index" if name in figure.view.spec["choices"] else "value")


@pytest.mark.parametrize("r", RACERS, ids=lambda r: r.name)
def test_every_hyperparameter_of_a_rule_gets_a_control(r):
    figure = live.descent(r)
    assert set(r.hyper) <= set(figure.controls)
    assert figure.view.spec["arguments"] == {r.name: {key: key for key in r.hyper}}
    for key, value in r.hyper.items():
        control = figure.controls[key]
        assert control.value == value
        kind = "Checkbox" if key == "centered" else "Slider"
        assert kind in type(control).__name__


def test_a_rule_of_the_reader_gets_controls_from_its_signature():
    figure = live.descent(half_step)
    assert list(figure.controls) == ["step", "lr", "gain", "mirrored"]
    assert type(figure.controls["mirrored"]).__name__ == "Checkbox"
    assert figure.controls["gain"].description == "gain"


def test_a_value_for_all_is_one_control_and_a_value_for_one_is_its_own():
    figure = live.descent(("gradient_descent", "momentum", "adam"), lr=0.02, adam_lr=0.3)
    taken = figure.view.spec["arguments"]
    assert taken["gradient_descent"]["lr"] == taken["momentum"]["lr"] == "lr"
    assert taken["adam"]["lr"] == "adam_lr"
    assert (figure.view.lr, figure.view.adam_lr) == (0.02, 0.3)
    assert figure.view.spec["choices"]["tune"] == ["momentum", "adam"]


@pytest.mark.parametrize(
    ("make", "label"),
    [
        (lambda: live.descent(("nesterov", "momentum"), beta=0.5), "momentum β"),
        (lambda: live.descent(("momentum", "rmsprop"), beta=0.5), "memory β"),
        (lambda: live.descent("rmsprop"), "memory β"),
        (lambda: live.stepper("momentum", [1.0] * 4), "momentum β"),
        (lambda: live.rate("momentum"), "momentum β"),
        (lambda: live.spectrum(("momentum",), beta=0.5), "momentum β"),
        (lambda: live.noise_floor(rule="momentum", beta=0.5), "momentum β"),
    ],
)
def test_beta_is_momentum_where_every_rule_of_it_keeps_a_velocity(make, label):
    assert label in {c.description for c in make().controls.values() if hasattr(c, "description")}


def test_controls_left_out_keep_their_value():
    figure = live.descent("adam", controls=("lr",), lr=0.1, eps=1e-4)
    assert list(figure.controls) == ["step", "lr"]
    assert figure.view.spec["arguments"]["adam"] == {
        "lr": "lr",
        "beta1": 0.9,
        "beta2": 0.999,
        "eps": 1e-4,
    }
    assert "eps=0.0001" in figure.view.spec["call"]


@pytest.mark.parametrize("value", [0.0198, 2 / 101, 0.001, 0.02, 0.025])
@pytest.mark.parametrize("low", [0.001, 0.0])
def test_a_slider_holds_any_value_of_its_range_to_the_last_digit(value, low):
    figure = live.descent("gradient_descent", lr=value, ranges={"lr": (low, 0.025)})
    control = figure.controls["lr"]
    assert control.value == figure.view.lr == value
    figure.view.lr = control.value = 0.0205
    assert control.value == 0.0205
    # what the browser's slider would move a value by
    assert control.step <= 1e-12
    assert figure.view.spec["limits"]["lr"] == [low, 0.025]


@pytest.mark.parametrize("value", [0.0198, 2 / 101, 0.02, 0.0, 0.025])
def test_a_range_from_zero_makes_a_linear_slider_of_even_marks(value):
    figure = live.descent("gradient_descent", lr=value, ranges={"lr": (0, 0.025)})
    control = figure.controls["lr"]
    assert figure.view.spec["marks"]["lr"] == pytest.approx(1e-4)
    assert type(control).__name__ == "FloatSlider"
    assert (control.min, control.max) == (0, 0.025)


@pytest.mark.parametrize(
    "make",
    [
        lambda: live.descent(
            ("adam", half_step), surfaces.quadratic((1, 50), 30), name="a", lr=0.2
        ),
        lambda: live.descent(
            "adam", "beale", surfaces=(surfaces.quadratic((1, 50)), "ravine"), noise=0.5
        ),
        lambda: live.rate(("momentum", "nesterov"), beta=0.5),
        lambda: live.descent("momentum", lr=0.001, ranges={"lr": (0, 0.002)}, controls=("lr",)),
        lambda: live.stepper(preset="growing", controls=("eps",), beta2=0.99),
        lambda: live.stepper("momentum", [1, 2, 3], silence=4, presets=()),
    ],
    ids=range(6),
)
def test_the_call_that_is_copied_makes_the_same_figure(make):
    figure = make()
    spec = figure.view.spec
    options = {k: v for k, v in spec["choices"].items() if len(v) > 1}
    settings = {
        k: options[k][v] if k in options else v
        for k, v in spec["defaults"].items()
        if v != [] and len(spec["choices"].get(k, "ab")) > 1
    }
    call = ", ".join([spec["call"], *(f"{k}={v!r}" for k, v in settings.items())])
    names = {"live": live, "surfaces": surfaces, "half_step": half_step}
    again = eval(f"live.{figure.kind}({call})", names)  # our own text
    assert again.view.module == figure.view.module
    assert {**again.view.spec, "name": ""} == {**spec, "name": ""}


def test_repr_is_short_and_stable():
    assert repr(live.descent(name="fig-a")) == "live.descent(name='fig-a')"
    assert repr(live.descent(name="fig-a").view) == "View('fig-a')"


def test_the_page_carries_only_what_the_figure_offers():
    view = live.descent("adam", "beale").view
    module = view.module
    assert '"adam": {' in module and '"beale": {' in module
    for other in ("gradient_descent", "rosenbrock", "cosine"):
        assert other not in module
    assert not re.search(r"^\s*//|\beval\(|new Function|https?://", module, re.M)
    assert len(view._own) < 2_000 and len(module) < 48_000


def test_a_page_carries_each_file_once():
    """Also where many figures use it, and after all widgets were closed."""
    figures = [live.descent("adam"), live.stepper(), live.stepper("momentum"), live.rate()]
    state = dependency_state(figures, drop_defaults=True)
    texts = [m["state"]["text"] for m in state.values() if "text" in m["state"]]
    assert sum("function liveFigure" in text for text in texts) == 1
    assert sum("function machine" in text for text in texts) == 1
    assert sum(".live-stage" in text for text in texts) == 1
    own = [m["state"]["_own"] for m in state.values() if "_own" in m["state"]]
    assert len(own) == 4 and max(map(len, own)) < 10_000
    refs = [m["state"]["_files"] for m in state.values() if "_files" in m["state"]]
    assert all(state[r.removeprefix("IPY_MODEL_")]["state"]["text"] for r in sum(refs, []))
    before = figures[0].view.module
    figures[0].view._files[1].close()
    again = live.descent("adam").view
    assert again.module == before and all(file.comm is not None for file in again._files)


def test_values_survive_a_page_that_leaves_out_defaults():
    figure = live.descent("adam", steps=50)
    state = figure.view.get_state(drop_defaults=True)
    assert all(name in state for name in figure.view.spec["defaults"])


STILLS = {
    "race": lambda: live.descent(name="a", lr=0.01),
    "loss": lambda: live.descent("adam", "rosenbrock", show="loss", lr=0.1),
    "rate": lambda: live.rate(("nesterov", "gradient_descent")),
    **{p: lambda p=p: live.stepper(preset=p) for p in (*PRESETS, "own")},
}


@pytest.mark.parametrize("make", STILLS.values(), ids=STILLS)
def test_a_page_without_scripts_gets_a_picture(make, monkeypatch):
    shown = []
    monkeypatch.setattr(frame, "display", lambda x, raw=False: shown.append(x))
    figure = make()
    figure._ipython_display_()
    picture, widget = shown
    assert picture.data.startswith('<noscript class="live-still"><img src="data:image/png;base64,')
    assert f'alt="{figure.view.spec["alt"]}"' in picture.data
    assert len(picture.data) < 40_000
    assert widget["application/vnd.jupyter.widget-view+json"]["model_id"] == figure.model_id
    ink = np.asarray(Image.open(io.BytesIO(figure.still())).convert("L"))
    assert ink.shape == (290, 720) and (ink < 128).mean() > 0.003, "the picture is empty"


# ---------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"rules": "adma"}, "adma.*adam"),
        ({"rules": ()}, "rules is empty"),
        ({"surface": "ravin"}, "ravin.*ravine"),
        ({"surfaces": "nowhere"}, "nowhere"),
        ({"steps": 0}, "steps is 0; allowed: a whole number from 1 to 5000"),
        ({"steps": 2.5}, "steps is 2.5"),
        ({"steps": 10, "step": 11}, "step is 11.*0 to 10"),
        ({"start": (9, 9)}, r"start is \(9, 9\).*x from -1.2 to 1.2"),
        ({"start": 3}, "start is 3; allowed: two numbers"),
        ({"start": (float("nan"), 0)}, "start"),
        ({"show": "table"}, "show is.*'map', 'loss'"),
        ({"shown": "lion"}, "shown holds 'lion'; allowed: 'gradient_descent'"),
        ({"schedule": "cosin"}, "cosin.*cosine"),
        ({"lr": -1}, "lr must be.*got -1"),
        ({"lr": 0.5, "ranges": {"lr": (0.001, 0.1)}}, "lr is 0.5; this figure allows 0.001 to 0.1"),
        ({"bta": 0.5}, "'bta' is no hyperparameter here.*beta"),
        ({"controls": ("rate",)}, "'rate' is no hyperparameter here"),
        ({"tune": "lars"}, "tune is 'lars'; allowed"),
        ({"lr": lambda t: 0.1}, "lr is a schedule; use schedules="),
        ({"noise": -1}, "noise is -1"),
        ({"noise": 1.0, "seed": 1000}, "seed is 1000.*0 to 99"),
        ({"name": "my figure"}, "name is 'my figure'; allowed: a letter"),
    ],
    ids=lambda x: next(iter(x)) if isinstance(x, dict) else "",
)
def test_a_bad_argument_is_named_with_what_is_allowed(arguments, words):
    with pytest.raises((ValueError, TypeError), match=words):
        live.descent(**arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"rules": "adam"}, "adam keeps m, v; live.rate takes one state"),
        ({"rules": "adagrad"}, "not linear"),
        ({"kappa": 0.5}, "kappa is 0.5; this figure allows 1 to 10000"),
        ({"lr": 9}, "lr is 9; this figure allows 0 to 2.2"),
        ({"beta": 0.5}, "'beta' is no hyperparameter here"),
    ],
    ids=lambda x: next(iter(x)) if isinstance(x, dict) else "",
)
def test_rate_names_a_bad_argument(arguments, words):
    with pytest.raises((ValueError, TypeError), match=words):
        live.rate(**arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"preset": "spikes"}, "no 'spikes'; allowed: 'constant'"),
        ({"presets": ("x",)}, "no 'x'; allowed"),
        ({"correction": "half"}, "correction is 'half'; allowed: 'on', 'off'"),
        ({"gradients": [1]}, "gradients holds 1 values; allowed: 2 to 200"),
        ({"gradients": [1, float("inf")]}, "finite"),
        ({"gradients": "up"}, "gradients is 'up'"),
        ({"step": 99}, "step is 99; allowed: a whole number from 1 to 40"),
        ({"line": 6}, "line is 6; allowed: a whole number from 0 to 5"),
        ({"beta": 0.9}, "no hyperparameter 'beta'"),
        ({"controls": ("beta",)}, "'beta' is no hyperparameter of adam"),
        ({"beta2": 1.0}, "beta2 must be.*got 1"),
    ],
    ids=lambda x: next(iter(x)) if isinstance(x, dict) else "",
)
def test_stepper_names_a_bad_argument(arguments, words):
    with pytest.raises((ValueError, TypeError), match=words):
        live.stepper(**arguments)


# ---------------------------------------------------------------------------- JavaScript


def in_node(module, script, tmp_path):
    """Run a script that sees the module's exports as `figure`; what it prints, as JSON."""
    node = shutil.which("node")
    if not node:
        pytest.skip("node is missing: make book installs it")
    (tmp_path / "figure.mjs").write_text(module)
    (tmp_path / "script.mjs").write_text(f"import * as figure from './figure.mjs';\n{script}")
    done = subprocess.run(
        [node, tmp_path / "script.mjs"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


SETTINGS = {"lr": 0.01, "eps": 1e-6}


def test_javascript_is_numpy_for_every_rule_on_every_surface(tmp_path):
    figure = live.descent(RACERS, "ravine", surfaces=tuple(surfaces.ALL))
    chosen = {r.name: {k: v for k, v in SETTINGS.items() if k in r.hyper} for r in RACERS}
    hyper = {r.name: {**r.hyper, **chosen[r.name]} for r in RACERS}
    script = """
    const {RULES, SURFACES, race} = figure, out = {};
    for (const [name, hyper] of Object.entries(HYPER)) {
      for (const surface of Object.values(SURFACES)) {
        const run = race(RULES[name], surface, {start: surface.start, steps: 60, hyper});
        const {last, diverged, x, y, loss} = run;
        out[name + " " + surface.name] = [last, diverged, [...x], [...y], [...loss]];
      }
    }
    const spelt = (k, v) => (v === Infinity ? "inf" : Number.isNaN(v) ? "nan" : v);
    console.log(JSON.stringify(out, spelt));
    """.replace("HYPER", json.dumps(hyper))
    found = in_node(figure.view.module, script, tmp_path)
    assert len(found) == len(RACERS) * len(surfaces.ALL)
    ended = set()
    for r in RACERS:
        for s in surfaces.ALL.values():
            truth = run(r, s, s.start, 60, **chosen[r.name])
            last, diverged, x, y, loss = found[f"{r.name} {s.name}"]
            where = f"{r.name} on {s.name}"
            assert (last, diverged) == (len(truth.theta) - 1, truth.diverged), where
            ended.add(diverged is not None)
            path = np.array([x, y], float).T[: last + 1]
            # Rounding may do what a nudge of the start does, which on rough surfaces is much.
            nudged = run(r, s, np.multiply(s.start, 1 + 1e-14), 60, **chosen[r.name])
            count = min(len(path), len(nudged.theta))
            with np.errstate(all="ignore"):
                reach = np.maximum.accumulate(np.abs(nudged.theta - truth.theta[:count]))
                allowed = 1e-11 * (1 + np.abs(truth.theta[:count])) + 100 * reach
                off = np.abs(path[:count] - truth.theta[:count]) > allowed
            assert not off.any(), f"{where}: step {np.argwhere(off)[0]}"
            # The loss at JavaScript's own points: the surface alone.
            value = [float(s(p)) for p in path]
            shown = np.array(loss[: last + 1], float)
            np.testing.assert_allclose(shown, value, rtol=1e-10, atol=1e-12, err_msg=where)
    assert ended == {True, False}, "one run at least should diverge, and one should not"


def test_schedules_in_javascript(tmp_path):
    from optlib import schedules

    names = [k for k, s in schedules.ALL.items() if "lr" in s.arguments]
    own = schedules.step(lr=9, every=7, gamma=0.5)
    offered = (own, *(k for k in names if k not in ("step", "constant")))
    figure = live.descent("adam", schedules=offered, steps=30)
    script = """
    const {SCHEDULES} = figure, out = {};
    for (const [name, f] of Object.entries(SCHEDULES))
      out[name] = Array.from({length: 30}, (_, k) => f(k + 1, {lr: 0.3}));
    console.log(JSON.stringify(out));
    """
    found = in_node(figure.view.module, script, tmp_path)
    expected = {
        "step": schedules.step(lr=0.3, every=7, gamma=0.5),
        "cosine": schedules.cosine(lr=0.3, steps=30),
        "exponential": schedules.exponential(lr=0.3, gamma=0.01 ** (1 / 30)),
        "warmup_cosine": schedules.warmup_cosine(lr=0.3, steps=30, warmup=3),
        "multi_step": schedules.multi_step(lr=0.3, milestones=(15, 22)),
        "one_cycle": schedules.one_cycle(lr=0.3, steps=30),
    }
    for name, schedule in expected.items():
        truth = [schedule(t) for t in range(1, 31)]
        np.testing.assert_allclose(found[name], truth, rtol=1e-12, atol=1e-15, err_msg=name)
    assert set(found) == set(names) - {"constant"}
    with pytest.raises(ValueError, match="one_cycle_momentum cannot be offered"):
        live.descent("adam", schedules=("one_cycle_momentum",))


def test_noise_is_normal_seeded_and_the_same_for_all(tmp_path):
    script = """
    const take = (seed, count) => [...figure.deviates(seed, count)];
    console.log(JSON.stringify([take(3, 20000), take(3, 5), take(4, 5)]));
    """
    a, b, c = in_node(live.descent("adam", noise=1.0).view.module, script, tmp_path)
    assert a[:5] == b and b != c
    assert abs(np.mean(a)) < 0.03 and abs(np.std(a) - 1) < 0.03
    assert abs(np.mean(np.abs(a) > 1.96) - 0.05) < 0.006


@pytest.mark.parametrize("name", ["gradient_descent", "momentum", "polyak_momentum", "nesterov"])
def test_rate_reads_the_factor_off_the_rule(name, tmp_path):
    script = """
    const {RULES, matrix, radius, errors} = figure, rule = Object.values(RULES)[0], out = [];
    for (const lr of [0.02, 0.5, 1, 1.3, 1.9, 2.1, 3.5])
      for (const curvature of [0.05, 1]) {
        const m = matrix(rule, curvature, {...rule.hyper, lr});
        out.push([lr, curvature, radius(m), [...errors(m, 40)]]);
      }
    console.log(JSON.stringify(out));
    """
    for lr, curvature, radius, errors in in_node(live.rate(name).view.module, script, tmp_path):
        r = rules.get(name)
        path = run(r, lambda x, c=curvature: c * x, 1.0, 400, lr=lr)
        np.testing.assert_allclose(
            np.array(errors, float), np.abs(path.theta[:41]), rtol=1e-9, atol=1e-13
        )
        h, n = {**r.hyper, "lr": lr}, 1 + len(r.state)
        columns = []
        for e in np.eye(n):
            theta, state = e[0], tuple(e[1:])
            g = curvature * r.point(theta, state, 1, h)
            theta, state = r.step(theta, g, state, 1, h)
            columns.append([theta, *state])
        assert radius == pytest.approx(np.abs(np.linalg.eigvals(columns)).max(), abs=1e-7)


def test_rate_says_how_many_steps(tmp_path):
    script = """
    const at = {rule: "gradient_descent", lr: 2 * 100 / 101, kappa: 100};
    const spec = {steps: 400, reach: 2.2, arguments: {gradient_descent: []}};
    const found = figure.compute(spec, (name) => at[name]);
    console.log(JSON.stringify([found.rho, figure.needed(found.rho), found.best]));
    """
    rho, needed, best = in_node(live.rate().view.module, script, tmp_path)
    assert rho == pytest.approx(99 / 101, rel=1e-12)
    loss = run("gradient_descent", surfaces.ravine, (1, 1), 400, lr=2 / 101)
    assert needed == str(loss.steps_to(1e-6 * loss.loss[0])) == "346"
    assert best == pytest.approx([200 / 101, 99 / 101], rel=1e-9)


@pytest.mark.parametrize("kappa", [1, 2, 100, 1000, 10_000])
def test_rate_finds_the_best_step_to_many_digits(kappa, tmp_path):
    script = """
    const at = {rule: "gradient_descent", lr: 1, kappa: KAPPA};
    const spec = {steps: 10, reach: 2.2, arguments: {gradient_descent: []}};
    const {best, grid, worst} = figure.compute(spec, (name) => at[name]), [x, y] = best;
    const sorted = grid.every((v, k) => k === 0 || v >= grid[k - 1]);
    console.log(JSON.stringify([x, y, figure.fine(x), figure.fine(y), sorted, Math.min(...worst)]));
    """.replace("KAPPA", str(kappa))
    x, y, shown_x, shown_y, in_order, drawn = in_node(live.rate().view.module, script, tmp_path)
    assert x == pytest.approx(2 * kappa / (kappa + 1), abs=1e-9)
    assert y == pytest.approx((kappa - 1) / (kappa + 1), abs=1e-9)
    assert in_order and drawn == y, "the curve is drawn through its tip"
    if kappa == 10_000:
        assert (shown_x, shown_y) == ("1.9998", "0.9998")
    if kappa == 1:
        assert (shown_x, shown_y) == ("1", "0")


def test_the_best_label_stands_where_no_curve_runs(tmp_path):
    script = """
    const box = {left: 58, top: 10, width: 330, height: 220}, out = [];
    const X = (v) => box.left + 150 * v, Y = (v) => box.top + 220 * (1 - v / 1.3);
    const dots = (f) => Array.from({length: 2001}, (_, k) => [X(k / 910), Y(f(k / 910))]);
    for (const kappa of [1, 1.5, 3, 10, 100, 10000]) {
      const flat = dots((x) => Math.abs(1 - x / kappa)), steep = dots((x) => Math.abs(1 - x));
      const x = X(2 * kappa / (kappa + 1)), y = Y((kappa - 1) / (kappa + 1));
      const one = [[box.left, Y(1)], [box.left + 330, Y(1)]];
      const at = figure.freePlace(x, y, 120, 14, box, [flat, steep, one]);
      const inIt = ([a, b]) => a > at.left && a < at.left + 120 && b > at.top && b < at.top + 14;
      const whole = at.left >= box.left && at.left + 120 <= box.left + 330 && at.top >= box.top;
      out.push([[...flat, ...steep].filter(inIt).length, whole && at.top + 14 <= box.top + 220,
                at.far]);
    }
    console.log(JSON.stringify(out));
    """
    for hits, whole, far in in_node(live.rate().view.module, script, tmp_path):
        assert hits == 0 and whole and far < 100


def test_keys_move_a_slider_over_numbers_of_three_digits(tmp_path):
    script = """
    const {moved, onMark} = figure, lr = 0.0198, in3 = [0.001, 3];
    const walk = (value, way, size, count, marks, author, limits) => Array.from({length: count},
      () => (value = moved(value, way, size, marks, author, limits)));
    console.log(JSON.stringify({
      up: walk(lr, 1, "step", 3, "log", lr, in3),
      typed: walk(0.0205, -1, "step", 1, "log", lr, in3),
      odd: walk(0.02053, 1, "step", 2, "log", lr, in3),
      decade: walk(0.0102, -1, "step", 4, "log", lr, in3),
      author: walk(0.0199, -1, "step", 3, "log", 2 / 101, in3),
      page: walk(lr, 1, "page", 1, "log", lr, in3),
      held: walk(0.001, 1, "held", 400, "log", lr, in3).at(-1),
      ends: [moved(3, 1, "page", "log", lr, in3), moved(0.001, -1, "step", "log", lr, in3)],
      whole: walk(1, 1, "step", 3, "integers", 100, [1, 10000]),
      thousands: walk(1000, 1, "step", 1, "integers", 100, [1, 10000]),
      even: walk(0.9, 1, "step", 3, 0.01, 0.9, [0, 0.99]),
      between: walk(1.9998, -1, "step", 2, 0.01, 1, [0, 2.2]),
      coarse: walk(1, -1, "page", 1, 0.01, 1, [0, 2.2]),
      mouse: [0.02047, 0.01985, 0.0001, 9].map((v) => onMark(v, "log", lr, in3)),
      mouse2: [1.987, 5, -1].map((v) => onMark(v, 0.01, 1, [0, 2.2])),
    }));
    """
    found = in_node(live.descent().view.module, script, tmp_path)
    assert found == {
        "up": [0.0199, 0.02, 0.0201],
        "typed": [0.0204],
        "odd": [0.0206, 0.0207],
        "decade": [0.0101, 0.01, 0.00999, 0.00998],
        "author": [2 / 101, 0.0198, 0.0197],
        "page": [0.0249],
        "held": 3,
        "ends": [3, 0.001],
        "whole": [2, 3, 4],
        "thousands": [1010],
        "even": [0.91, 0.92, 0.93],
        "between": [1.99, 1.98],
        "coarse": [0.9],
        "mouse": [0.0205, 0.0198, 0.001, 3],
        "mouse2": [1.99, 2.2, 0],
    }


def test_numbers_are_read_as_they_are_shown(tmp_path):
    script = """
    const {typed, meant, nudged} = figure;
    const back = [0.0205, 1e-8, 3, 0, -0.5, 123456].map((v) => meant(typed(v, "log")));
    const shown = [typed(2 / 101, "log"), typed(1e-8, "log"), typed(10000, "integers"),
                   typed(1.9998, 0.01), typed(50.5, "integers")];
    const asked = ["2/101", "1e−3", "10,000", " 0.02 ", ".5", "−1"].map(meant);
    const not = ["", "abc", "1/", "1/2/3", "2,5", "Infinity"].map((t) => Number.isNaN(meant(t)));
    console.log(JSON.stringify({back, shown, asked, not}));
    """
    found = in_node(live.descent().view.module, script, tmp_path)
    assert found["back"] == [0.0205, 1e-8, 3, 0, -0.5, 123460]
    assert found["shown"] == ["0.019802", "1e−8", "10,000", "1.9998", "50.5"]
    assert found["asked"] == [2 / 101, 1e-3, 10_000, 0.02, 0.5, -1]
    assert found["not"] == [True] * 6


def test_the_start_reaches_zero_by_key(tmp_path):
    script = """
    const go = (v, by, count, span = 2.4) => {
      for (let k = 0; k < count; k++) v = figure.nudged(v, by, span, false);
      return v;
    };
    console.log(JSON.stringify([go(1, -1, 100), go(0.01, -0.1, 9), go(0.0137, -1, 2), go(1, 0, 3),
      figure.nudged(1, -1, 2.4, true), go(-3, 1, 30, 10)]));
    """
    found = in_node(live.descent().view.module, script, tmp_path)
    assert found == [0, 0.001, 0, 1, 0.96, 0]


def machine(preset, variant="on", stop=None, **hyper):
    preset = json.dumps(PRESETS[preset] if isinstance(preset, str) else preset)
    hyper = json.dumps(hyper)
    return f"""
    const found = figure.machine(figure.RULES[{variant!r}], {preset}, {hyper}, {stop or 1});
    const spelt = {{...found, theta: [...found.theta], step: [...found.step]}};
    console.log(JSON.stringify(spelt));
    """


@pytest.mark.parametrize("variant", list(CORRECTIONS))
def test_the_machine_is_the_rule(variant, tmp_path):
    """Same path as run; and the lines of one step are what Python computes on the way."""
    hyper = {"lr": 0.1, "beta1": 0.8, "beta2": 0.95, "eps": 1e-3}
    gradients = [1.0, -2.0, 0.5, 0.0, 3.0, 3.0]
    script = machine({"gradients": gradients, "silence": 2}, variant, stop=7, **hyper)
    found = in_node(live.stepper().view.module, script, tmp_path)
    r = CORRECTIONS[variant]
    feed = iter([0.0, 0.0, *gradients])
    truth = run(r, lambda x: np.float64(next(feed)), 0.0, 8, **hyper)
    np.testing.assert_allclose(found["theta"], truth.theta, rtol=1e-14, atol=1e-16)
    np.testing.assert_allclose(
        found["step"][1:], -np.diff(truth.theta) / 0.1, rtol=1e-9, atol=1e-14
    )
    theta, state = 0.0, (0.0, 0.0)
    for t, g in enumerate([0.0, 0.0, *gradients][:6], 1):
        theta, state = r.step(theta, g, state, t, hyper)
    names = dict(zip(("m", "v"), state), theta=theta, g=3.0, t=7, sqrt=math.sqrt, **hyper)
    lines = json.loads(re.search(r"const LINES = (.*);", live.stepper().view.module)[1])[variant]
    assert [name for name, *_ in lines] == [name for name, _ in found["lines"]]
    for (name, source, pieces), (_, value) in zip(lines, found["lines"]):
        assert "".join(pieces).replace("$", "") == source.split(" = ", 1)[1]
        exec(source, {}, names)  # our own text
        assert value == pytest.approx(names[name], rel=1e-12), source


def test_the_variants_differ_by_their_correction_alone():
    hyper = {"lr": 0.1, "beta1": 0.8, "beta2": 0.95, "eps": 0}
    for t, m, v, g in [(1, 0.0, 0.0, 2.0), (5, 0.3, 0.4, -1.0)]:
        step = {k: r.step(0.0, g, (m, v), t, hyper)[0] for k, r in CORRECTIONS.items()}
        more, less = 1 / (1 - 0.8**t), math.sqrt(1 - 0.95**t)
        assert step["on"] == pytest.approx(step["off"] * more * less, rel=1e-12)
        assert step["only m"] == pytest.approx(step["off"] * more, rel=1e-12)
        assert step["only v"] == pytest.approx(step["off"] * less, rel=1e-12)


def test_the_presets_make_their_points(tmp_path):
    module = live.stepper().view.module

    def go(preset, **changes):
        hyper = {**PRESETS[preset]["hyper"], **changes}
        found = in_node(module, machine(preset, **hyper), tmp_path)
        return np.array(found["theta"], float), np.array(found["step"], float)

    assert go("constant")[1][1:] == pytest.approx(np.ones(40))
    assert go("spike")[1].max() == pytest.approx(0.1 / math.sqrt(0.001), rel=2e-3)
    assert go("growing")[1].max() == pytest.approx(7.2458, abs=1e-4)
    theta, _ = go("bowl")
    assert np.abs(theta[700:900]).min() < 1e-18 and np.abs(theta[900:]).max() > 0.02
    assert np.abs(go("bowl", eps=0.005)[0][900:]).max() < 1e-12
    assert go("reddi")[0][-30:].mean() > 0.9
    assert go("reddi", beta2=0.9)[0][-30:].mean() < -0.9


def test_the_bowl_shows_the_factor_and_its_limit(tmp_path):
    script = """
    const {hyper} = figure.PRESETS.bowl;
    const at = {preset: "bowl", correction: "on", line: 5, step: 1600, ...hyper};
    const {pull} = figure.compute({rule: "adam", fixed: {}}, (name) => at[name]);
    const still = {...at, preset: "constant", step: 40, beta2: 0.999};
    const flat = figure.compute({rule: "adam", fixed: {}}, (name) => still[name]);
    console.log(JSON.stringify([pull.values, pull.limit, flat.pull, flat.peak]));
    """
    figure = live.stepper(controls=("lr", "beta1", "beta2", "eps"))
    values, limit, none, peak = in_node(figure.view.module, script, tmp_path)
    theta, state, truth = 1.0, (0.0, 0.0), []
    for t in range(1, 1601):
        theta, state = rules.adam.step(theta, theta, state, t, PRESETS["bowl"]["hyper"])
        truth.append(0.1 / (math.sqrt(state[1] / (1 - 0.99**t)) + 1e-8))
    np.testing.assert_allclose(values, truth, rtol=1e-6)
    assert limit == pytest.approx(38) and none is None
    assert peak == 1  # a constant gradient: what comes later is longer by rounding alone
    assert figure.view.spec["marks"]["beta2"] == 0.001
    reddi = live.stepper(preset="reddi", presets=("reddi",))
    assert reddi.view.spec["marks"]["beta2"] == 0.01


def test_the_lines_in_the_plot_are_the_bounds(tmp_path):
    script = """
    const at = (beta1, beta2) => figure.marks({beta1, beta2}).map((m) => m[0]);
    console.log(JSON.stringify([at(0.9, 0.999), at(0.9, 0.95), at(0.9, 0.8), figure.marks({})]));
    """
    usual, late, none, other = in_node(live.stepper().view.module, script, tmp_path)
    assert usual == pytest.approx([1, 3.162278, 7.270], rel=1e-3)
    assert late[2] == pytest.approx(1.165, abs=1e-3)
    assert len(none) == 2 and other == []


def test_every_module_is_valid_javascript(tmp_path):
    for figure in (live.descent(), live.rate(), live.stepper(), live.stepper("momentum", [1, 2])):
        script = "console.log(JSON.stringify(typeof figure.default.render))"
        assert in_node(figure.view.module, script, tmp_path) == "function"


def test_settings_hold_only_what_a_trait_can(tmp_path):
    with pytest.raises(TypeError, match="a setting cannot hold"):
        frame.build("x", "x", "", [frame.Setting("bad", {"a": 1})], "", "", None)
