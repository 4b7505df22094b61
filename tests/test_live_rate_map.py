"""The rate map without a browser: arguments, and its numbers against NumPy and the rules' runs."""

import numpy as np
import pytest
from test_live import in_node, linked

from optlib import live, rule, rules, run, surfaces
from optlib.live.rate_map import best_point, factor

RULES = ("momentum", "polyak_momentum", "damped_momentum", "nesterov", "nesterov_torch")


@rule
def decayed(theta, g, u=0, *, t, lr=0.1, beta=0.9, decay=0.1):
    u = beta * u + g + decay * theta
    theta = theta - lr * u
    return theta, u


@rule
def clipped(theta, g, u=0, *, t, lr=0.1, beta=0.9):
    u = beta * u + g * g
    theta = theta - lr * u
    return theta, u


def modulus(name, size, beta):
    """Largest |eigenvalue| of one step on curvature 1, from the step of each unit vector."""
    r = rules.get(name)
    h = {**r.hyper, "lr": size, "beta": beta}
    columns = []
    for theta, *state in np.eye(2):
        g = r.point(theta, tuple(state), 1, h)
        theta, state = r.step(theta, g, tuple(state), 1, h)
        columns.append([theta, *state])
    return np.abs(np.linalg.eigvals(columns)).max()


POINTS = [(s, b) for s in (0.01, 0.3, 1.0, 1.3, 2.1, 3.3, 4.0) for b in (0.0, 0.3, 0.67, 0.9)]


@pytest.mark.parametrize("name", RULES)
def test_the_factor_is_the_spectral_radius_of_one_step(name, tmp_path):
    script = """
    const f = figure.factor(Object.values(figure.RULES)[0]);
    console.log(JSON.stringify(POINTS.map(([s, b]) => f(s, b))));
    """.replace("POINTS", str([list(p) for p in POINTS]))
    truth = [modulus(name, *p) for p in POINTS]
    found = in_node(live.rate_map(name).view.module, script, tmp_path)
    np.testing.assert_allclose(found, truth, atol=2e-8)
    sizes, betas = np.array(POINTS).T
    np.testing.assert_allclose(factor(rules.get(name), sizes, betas), truth, atol=2e-8)


def test_the_shape_of_both_factors():
    """Heavy ball: flat at sqrt(beta), out at 2 + 2 beta. Nesterov: 0 at 1, out earlier."""
    beta = 0.6
    inside = np.linspace(0.1, 3.1, 50)
    np.testing.assert_allclose(factor(rules.momentum, inside, beta), beta**0.5, rtol=1e-12)
    middle = np.linspace(0.2, 0.99, 20)
    np.testing.assert_allclose(
        factor(rules.nesterov, middle, beta), np.sqrt(beta * (1 - middle)), rtol=1e-9
    )
    assert factor(rules.nesterov, 1.0, beta) == pytest.approx(0, abs=1e-9)
    for r, limit in ((rules.momentum, 2 + 2 * beta), (rules.nesterov, 3.2 / 2.2)):
        assert factor(r, limit - 1e-6, beta) < 1 < factor(r, limit + 1e-6, beta)


@pytest.mark.parametrize("kappa", [1, 10, 100, 10_000])
def test_the_best_point_is_the_known_one(kappa, tmp_path):
    """Polyak 1964 for the heavy ball; Lessard, Recht & Packard 2016 for Nesterov."""
    root, wide = kappa**0.5, (3 * kappa + 1) ** 0.5
    known = {
        "momentum": (4 * kappa / (root + 1) ** 2, ((root - 1) / (root + 1)) ** 2),
        "nesterov": (4 * kappa / (3 * kappa + 1), (wide - 2) / (wide + 2)),
    }
    script = """
    const found = Object.values(figure.RULES).map((rule) => {
      const f = figure.factor(rule), worst = (v, b) => Math.max(f(v / KAPPA, b), f(v, b));
      const {lr, beta, rho} = figure.optimum(worst, [0, 0.99], 4.2);
      return [lr, beta, rho];
    });
    console.log(JSON.stringify(found));
    """.replace("KAPPA", str(kappa))
    found = in_node(live.rate_map().view.module, script, tmp_path)
    for (name, truth), (lr, beta, rho) in zip(known.items(), found):
        least = max(modulus(name, truth[0] / kappa, truth[1]), modulus(name, *truth))
        assert rho == pytest.approx(least, abs=2e-6), name
        if kappa > 1:
            assert (lr, beta) == pytest.approx(truth, abs=2e-5), name
            assert best_point(rules.get(name), kappa, 4.2, 0.99) == pytest.approx(truth, abs=2e-5)


@pytest.mark.parametrize(("name", "lr", "beta"), [("momentum", 3.0, 0.7), ("nesterov", 1.3, 0.8)])
def test_path_peak_and_steps_are_those_of_a_run(name, lr, beta, tmp_path):
    script = f"""
    const {{RULES, matrix, follow}} = figure, rule = RULES[{name!r}];
    const at = (v) => matrix(rule, 1, {{...rule.hyper, lr: v, beta: {beta}}});
    const {{x, y, loss, peak, needed}} = follow([at({lr} / 50), at({lr})], 50, [1, -0.5], 80);
    console.log(JSON.stringify([[...x], [...y], [...loss], peak, needed]));
    """
    x, y, loss, peak, needed = in_node(live.rate_map(name).view.module, script, tmp_path)
    truth = run(name, surfaces.quadratic((1, 50)), (1, -0.5), 300, lr=lr / 50, beta=beta)
    np.testing.assert_allclose(np.array([x, y]).T, truth.theta[:81], rtol=1e-9, atol=1e-13)
    ratio = truth.loss / truth.loss[0]
    np.testing.assert_allclose(loss, ratio[:81], rtol=1e-9, atol=1e-15)
    assert needed == truth.steps_to(1e-6 * truth.loss[0])
    assert peak == {"loss": pytest.approx(max(1, ratio.max())), "t": int(ratio.argmax())}


def test_the_tuned_heavy_ball_first_multiplies_the_loss(tmp_path):
    script = """
    const at = {lr: 400 / 121, beta: (9 / 11) ** 2, kappa: 100, rule: "momentum", shown: ["momentum"], step: 9};
    const spec = {start: [0, 1], steps: 60, show: ["path"], limits: {lr: [0, 4.2], beta: [0, 0.99]}};
    const {chosen} = figure.compute(spec, (name) => at[name], {});
    console.log(JSON.stringify([chosen.peak, chosen.rho, figure.stable(chosen.f, 0.6, 4.2)]));
    """  # noqa: E501
    peak, rho, limit = in_node(live.rate_map(start=(0, 1)).view.module, script, tmp_path)
    assert peak["loss"] == pytest.approx(13.7, abs=0.05)
    assert rho == pytest.approx(9 / 11, abs=1e-6) and limit == pytest.approx(3.2, abs=1e-9)


def test_the_line_of_divergence_lies_where_the_factor_is_one(tmp_path):
    script = """
    const f = figure.factor(figure.RULES.momentum), worst = (v, b) => Math.max(f(v / 20, b), f(v, b));
    const at = (i, j) => worst(4.2 * i / 160, 0.99 * j / 120), values = figure.grid(f, 20, 4.2, 0.99);
    const lines = figure.levelLine(values, 1 + 1e-9, at);
    console.log(JSON.stringify(lines.flatMap(([a, b, c, d]) => [[a, b], [c, d]]).map(([i, j]) => [4.2 * i / 160, 0.99 * j / 120])));
    """  # noqa: E501
    lr, beta = np.array(in_node(live.rate_map().view.module, script, tmp_path)).T
    assert len(lr) > 200 and beta.min() < 0.01 and beta.max() > 0.98
    np.testing.assert_allclose(lr, 2 + 2 * beta, atol=2e-3)


# ---------------------------------------------------------------------------- arguments


def test_first_sight_is_the_tuned_heavy_ball():
    figure = live.rate_map()
    assert figure.view.lr == pytest.approx(400 / 121, abs=1e-6)
    assert figure.view.beta == pytest.approx(81 / 121, abs=1e-6)
    assert set(linked(figure)) == {"step", "rule", "lr", "beta", "kappa"} == set(figure.controls)


def test_sigma_alone_has_the_controls_of_one_curvature():
    figure = live.rate_map(show="sigma", kappa=1, lr=1.0, beta=0.6, controls=("lr", "beta"))
    assert set(figure.controls) == {"lr", "beta"}
    assert figure.controls["lr"].description == "step size ηλ"
    assert figure.view.kappa == 1.0 and figure.view.spec["show"] == ["sigma"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: live.rate_map(name="a"),
        lambda: live.rate_map("nesterov", kappa=50, show=("path", "map"), start=(0, 1), step=4),
        lambda: live.rate_map(
            ("polyak_momentum", "nesterov"), shown="nesterov", ranges={"lr": (0, 2)}, controls=()
        ),
        lambda: live.rate_map(show="sigma", kappa=1, lr=1.0, controls=("lr",)),
    ],
    ids=range(4),
)
def test_the_call_that_is_copied_makes_the_same_figure(make):
    figure = make()
    spec = figure.view.spec
    options = {k: v for k, v in spec["choices"].items() if len(v) > 1}
    settings = {
        k: options[k][v] if k in options else v
        for k, v in spec["defaults"].items()
        if len(spec["choices"].get(k, "ab")) > 1
    }
    call = ", ".join([spec["call"], *(f"{k}={v!r}" for k, v in settings.items())])
    again = eval(f"live.rate_map({call})", {"live": live})  # our own text
    assert again.view.module == figure.view.module
    assert {**again.view.spec, "name": ""} == {**spec, "name": ""}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"rules": "adam"}, "adam has no beta; live.rate_map takes rules with lr, beta and one"),
        ({"rules": "gradient_descent"}, "gradient_descent has no beta"),
        ({"rules": clipped}, "clipped is not linear"),
        ({"rules": decayed}, "the factor of decayed does not depend on lr times curvature alone"),
        ({"rules": ()}, "rules is empty"),
        ({"kappa": 0.5}, "kappa is 0.5; this figure allows 1 to 10000"),
        ({"lr": 9}, "lr is 9; this figure allows 0 to 4.2"),
        ({"beta": 1}, "beta is 1; this figure allows 0 to 0.99"),
        ({"rule": "adam"}, "rule holds 'adam'; allowed: 'momentum', 'nesterov'"),
        ({"shown": "adam"}, "shown holds 'adam'"),
        ({"start": (0, 0)}, r"start is \(0, 0\); allowed: two finite numbers, not both 0"),
        ({"start": 3}, "start is 3; allowed: two numbers"),
        ({"steps": 5}, "steps is 5; allowed: a whole number from 10 to 2000"),
        ({"step": 101}, "step is 101"),
        ({"show": "phase"}, "show is.*'map', 'portrait', 'path', 'sigma'"),
        ({"show": ("map", "phase")}, "show is.*'phase'.*allowed: some of 'map'"),
        ({"controls": ("eta",)}, "controls holds 'eta'; allowed: 'lr', 'beta', 'kappa'"),
        ({"ranges": {"eta": (0, 1)}}, "ranges holds 'eta'"),
        ({"ranges": {"lr": (0.1, 1)}}, "lr and beta start at 0 here"),
        ({"name": "my figure"}, "name is 'my figure'"),
    ],
    ids=lambda x: next(iter(x)) if isinstance(x, dict) else "",
)
def test_a_bad_argument_is_named_with_what_is_allowed(arguments, words):
    with pytest.raises((ValueError, TypeError), match=words):
        live.rate_map(**arguments)


@pytest.mark.parametrize("show", [("map", "sigma"), "sigma", "path"])
def test_the_still_is_a_small_picture(show):
    still = live.rate_map(show=show).still()
    assert still[:4] == b"\x89PNG" and len(still) < 30_000
