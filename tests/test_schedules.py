"""Schedules against torch.optim.lr_scheduler and optax at every step, past the end included."""

import copy
import json
import math
import pickle
import shutil
import subprocess
import warnings

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler as torch_lr

from optlib import Optimizer, rules, run, schedules, syntax
from optlib.schedules import (
    ReduceOnPlateau,
    constant,
    cosine,
    cosine_restarts,
    cosine_torch,
    counted_from_zero,
    exponential,
    inverse_sqrt,
    inverse_t,
    multi_step,
    one_cycle,
    one_cycle_momentum,
    one_cycle_optax,
    polynomial,
    step,
    warmup,
    warmup_cosine,
    warmup_from,
    warmup_linear,
    wsd,
)

STEPS = 60

# One with arguments for each schedule, and compositions. Everything generic runs over these.
EXAMPLES = {
    "constant": constant(lr=0.3),
    "step": step(lr=0.3, every=7, gamma=0.5),
    "multi_step": multi_step(lr=0.3, milestones=[5, 9, 30], gamma=0.4),
    "exponential": exponential(lr=0.3, gamma=0.9),
    "inverse_t": inverse_t(lr=0.3, decay=0.1),
    "inverse_sqrt": inverse_sqrt(lr=0.3),
    "polynomial": polynomial(lr=0.3, steps=30, power=2, lr_min=0.01),
    "cosine": cosine(lr=0.3, steps=30, lr_min=0.01),
    "cosine_torch": cosine_torch(lr=0.3, steps=17, lr_min=0.01),
    "cosine_restarts": cosine_restarts(lr=0.3, steps=7, lr_min=0.01),
    "cosine_restarts growing": cosine_restarts(lr=0.3, steps=3, growth=2),
    "cosine_restarts by three": cosine_restarts(lr=0.3, steps=2, growth=3),
    "warmup": warmup(after=constant(lr=0.3), steps=8),
    "warmup cosine": warmup(after=cosine(lr=0.3, steps=30, lr_min=0.01), steps=8),
    "warmup inverse_sqrt": warmup(after=inverse_sqrt(lr=0.3), steps=8),
    "warmup multi_step": warmup(after=multi_step(lr=0.3, milestones=[5]), steps=4),
    "warmup warmup": warmup(after=warmup(after=exponential(lr=0.3, gamma=0.9), steps=4), steps=3),
    "warmup_from": warmup_from(after=cosine(lr=0.3, steps=30), steps=8, start=0.25),
    "warmup_cosine": warmup_cosine(lr=0.3, steps=40, warmup=8, lr_min=0.01),
    "warmup_cosine without": warmup_cosine(lr=0.3, steps=40, warmup=0),
    "warmup_linear": warmup_linear(lr=0.3, steps=40, warmup=8, lr_min=0.01),
    "wsd": wsd(lr=0.3, steps=40, warmup=8, cooldown=12, lr_min=0.01),
    "one_cycle": one_cycle(lr=0.3, steps=40),
    "one_cycle_momentum": one_cycle_momentum(steps=40),
    "one_cycle_optax": one_cycle_optax(lr=0.3, steps=40),
}
each = pytest.mark.parametrize("s", EXAMPLES.values(), ids=EXAMPLES)


def values(schedule, steps=STEPS):
    return np.array([float(schedule(t)) for t in range(1, steps + 1)])


def torch_values(make, steps=STEPS, lr=0.3, key="lr"):
    """What torch's optimizer holds while it takes steps 1, 2, ..."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=lr, momentum=0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SequentialLR warns about its own calls
        scheduler = make(optimizer)
        out = []
        for k in range(steps):
            out.append(float(optimizer.param_groups[0][key]))
            optimizer.step()
            if k < steps - 1:
                scheduler.step()
    return np.array(out)


def agree(ours, theirs, rtol=1e-12):
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=1e-16)


TORCH = {
    "constant": (constant(lr=0.3), lambda o: torch_lr.ConstantLR(o, factor=1.0)),
    "step": (step(lr=0.3, every=7, gamma=0.5), lambda o: torch_lr.StepLR(o, 7, 0.5)),
    "multi_step": (
        multi_step(lr=0.3, milestones=[5, 9, 30], gamma=0.4),
        lambda o: torch_lr.MultiStepLR(o, [5, 9, 30], 0.4),
    ),
    "exponential": (exponential(lr=0.3, gamma=0.9), lambda o: torch_lr.ExponentialLR(o, 0.9)),
    "inverse_t": (
        inverse_t(lr=0.3, decay=0.1),
        lambda o: torch_lr.LambdaLR(o, lambda k: 1 / (1 + 0.1 * k)),
    ),
    "inverse_sqrt": (
        inverse_sqrt(lr=0.3),
        lambda o: torch_lr.LambdaLR(o, lambda k: (k + 1) ** -0.5),
    ),
    "line": (
        polynomial(lr=0.3, steps=30, lr_min=0.03),
        lambda o: torch_lr.LinearLR(o, 1.0, 0.1, total_iters=30),
    ),
    "polynomial": (
        polynomial(lr=0.3, steps=30, power=2),
        lambda o: torch_lr.PolynomialLR(o, 30, 2.0),
    ),
    "cosine": (
        cosine_torch(lr=0.3, steps=17, lr_min=0.01),
        lambda o: torch_lr.CosineAnnealingLR(o, 17, 0.01),
    ),
    "restarts": (
        cosine_restarts(lr=0.3, steps=7, lr_min=0.01),
        lambda o: torch_lr.CosineAnnealingWarmRestarts(o, 7, 1, 0.01),
    ),
    "restarts growing": (
        cosine_restarts(lr=0.3, steps=3, growth=2),
        lambda o: torch_lr.CosineAnnealingWarmRestarts(o, 3, 2),
    ),
    "restarts by three": (
        cosine_restarts(lr=0.3, steps=1, growth=3),
        lambda o: torch_lr.CosineAnnealingWarmRestarts(o, 1, 3),
    ),
    "warmup_from": (
        warmup_from(after=cosine_torch(lr=0.3, steps=30), steps=8, start=1 / 3),
        lambda o: torch_lr.SequentialLR(
            o,
            [torch_lr.LinearLR(o, total_iters=8), torch_lr.CosineAnnealingLR(o, 30)],
            milestones=[8],
        ),
    ),
    "warmup": (
        warmup(after=exponential(lr=0.3, gamma=0.9), steps=8),
        lambda o: torch_lr.SequentialLR(
            o,
            [torch_lr.LinearLR(o, 1 / 8, total_iters=7), torch_lr.ExponentialLR(o, 0.9)],
            milestones=[7],
        ),
    ),
}


@pytest.mark.parametrize("ours, theirs", TORCH.values(), ids=TORCH)
def test_torch_scheduler(ours, theirs):
    # torch computes most of these by recurrence: rounding grows with the number of steps.
    agree(values(ours), torch_values(theirs), rtol=1e-11)


@pytest.mark.parametrize("steps, pct", [(10, 0.3), (40, 0.3), (33, 0.25), (20, 0.5), (7, 0.9)])
def test_one_cycle_is_torchs_with_momentum(steps, pct):
    def make(o):
        return torch_lr.OneCycleLR(o, 0.3, total_steps=steps, pct_start=pct)

    agree(values(one_cycle(lr=0.3, steps=steps, pct=pct), steps), torch_values(make, steps))
    beta = one_cycle_momentum(steps=steps, pct=pct)
    agree(values(beta, steps), torch_values(make, steps, key="momentum"))


def test_one_cycle_turns_lr_and_beta_in_opposite_directions():
    lr, beta = values(one_cycle(lr=1, steps=10)), values(one_cycle_momentum(steps=10))
    assert lr.argmax() == beta[:10].argmin() == 2  # k = pct * N - 1
    assert lr[9] == pytest.approx(1 / (25 * 1e4), rel=1e-12)
    assert (lr[10:] == lr[9]).all()
    assert beta[[0, 2, 9]] == pytest.approx([0.95, 0.85, 0.95], abs=1e-15)
    path = run(
        "momentum",
        lambda x: x,
        1.0,
        9,
        lr=one_cycle(lr=0.1, steps=9),
        beta=one_cycle_momentum(steps=9),
    )
    assert path.diverged is None


def optax_cases():
    import optax

    return {
        "step": (
            step(lr=0.3, every=7, gamma=0.5),
            optax.exponential_decay(0.3, 7, 0.5, staircase=True),
        ),
        "multi_step": (
            multi_step(lr=0.3, milestones=[5, 9], gamma=0.5),
            optax.piecewise_constant_schedule(0.3, {5: 0.5, 9: 0.5}),
        ),
        "exponential": (exponential(lr=0.3, gamma=0.9), optax.exponential_decay(0.3, 1, 0.9)),
        "polynomial": (
            polynomial(lr=0.3, steps=30, power=2, lr_min=0.01),
            optax.polynomial_schedule(0.3, 0.01, 2, 30),
        ),
        "cosine": (cosine(lr=0.3, steps=30), optax.cosine_decay_schedule(0.3, 30)),
        "cosine to a floor": (
            cosine(lr=0.3, steps=30, lr_min=0.03),
            optax.cosine_decay_schedule(0.3, 30, alpha=0.1),
        ),
        "warmup_from": (
            warmup_from(after=cosine(lr=0.3, steps=22), steps=8),
            optax.warmup_cosine_decay_schedule(0.0, 0.3, 8, 30),
        ),
        "warmup_from above zero": (
            warmup_from(after=cosine(lr=0.3, steps=22, lr_min=0.03), steps=8, start=0.1),
            optax.warmup_cosine_decay_schedule(0.03, 0.3, 8, 30, end_value=0.03),
        ),
        "one_cycle_optax": (
            one_cycle_optax(lr=0.3, steps=33),
            optax.cosine_onecycle_schedule(33, 0.3),
        ),
    }


@pytest.mark.parametrize("case", list(optax_cases()))
def test_optax_schedule(case):
    import jax

    ours, theirs = optax_cases()[case]
    with jax.enable_x64(True):
        expected = np.array([float(theirs(np.float64(k))) for k in range(STEPS)])
    # At its very end optax's one cycle loses digits in a difference.
    np.testing.assert_allclose(values(ours), expected, rtol=1e-12, atol=1e-15)


def test_counting_from_zero_as_torch_and_optax():
    s = cosine(lr=0.3, steps=30)
    assert [s.from_zero(k) for k in range(40)] == [s(t) for t in range(1, 41)]
    agree(torch_values(lambda o: torch_lr.LambdaLR(o, s.from_zero), lr=1.0), values(s))
    back = counted_from_zero(s.from_zero)
    assert [back(t) for t in (1, 2, 31)] == [s(t) for t in (1, 2, 31)]
    assert pickle.loads(pickle.dumps(back))(3) == s(3)
    with pytest.raises(TypeError, match="needs a function of the step k"):
        counted_from_zero(cosine)


def test_ends_and_peaks():
    assert [cosine(lr=2, steps=10, lr_min=1)(t) for t in (1, 6, 11, 12, 999)] == [2, 1.5, 1, 1, 1]
    assert cosine_torch(lr=2, steps=10)(21) == pytest.approx(2)
    w = warmup_cosine(lr=2, steps=10, warmup=4, lr_min=1)
    assert [w(1), w(4), w(10), w(11)] == [0.5, 2, 1, 1]
    assert values(w).argmax() == 3
    assert warmup_cosine(lr=2, steps=10, warmup=0)(1) == pytest.approx(2, rel=0.05)
    s = wsd(lr=2, steps=10, warmup=3, cooldown=4)
    assert [s(3), s(6), s(10), s(11)] == [2, 2, 0, 0]
    assert s(8) == 1
    assert values(wsd(lr=2, steps=99, warmup=3, cooldown=4), 6).tolist() == values(s, 6).tolist()


def test_composed_warmup_is_the_written_out_one():
    composed = warmup(after=cosine(lr=0.3, steps=32, lr_min=0.01), steps=8)
    agree(values(composed), values(warmup_cosine(lr=0.3, steps=40, warmup=8, lr_min=0.01)))
    line = warmup(after=polynomial(lr=0.3, steps=32, lr_min=0.01), steps=8)
    agree(values(line), values(warmup_linear(lr=0.3, steps=40, warmup=8, lr_min=0.01)))


# --------------------------------------------------------------------------- every schedule


def test_the_examples_hold_every_schedule():
    assert {s.schedule.name for s in EXAMPLES.values()} == set(schedules.ALL)


@each
def test_pickles_copies_and_compares(s):
    for twin in (pickle.loads(pickle.dumps(s)), copy.deepcopy(s)):
        assert twin == s and hash(twin) == hash(s)
        assert (values(twin) == values(s)).all()
    assert s != constant(lr=0.123)
    assert pickle.loads(pickle.dumps(s.schedule)) is s.schedule


@each
def test_an_array_of_steps_gives_an_array_of_values(s):
    t = np.arange(1, STEPS + 1)
    np.testing.assert_allclose(s(t), values(s), rtol=1e-14, atol=1e-17)


@each
def test_sympy_reads_the_same_schedule(s):
    import sympy

    t = sympy.Symbol("t", positive=True)
    formula = sympy.sympify(s(t))
    for k in (1, 5, 8, 9, 33):
        assert float(formula.subs(t, k)) == pytest.approx(s(k), rel=1e-12, abs=1e-15)


@each
def test_an_optimizer_takes_it_and_resumes(s):
    opt = Optimizer("adam", np.ones(2), lr=s)
    theta = np.ones(2)
    for k in range(12):
        if k == 6:
            opt = pickle.loads(pickle.dumps(opt))
        theta = opt.step(theta, theta)
    straight = run("adam", lambda x: x, np.ones(2), 12, lr=s).theta[-1]
    assert (theta == straight).all()


def node(script):
    done = subprocess.run(
        [shutil.which("node"), "-e", script], capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


needs_node = pytest.mark.skipif(not shutil.which("node"), reason="node is not installed")


@needs_node
def test_javascript_gives_pythons_values():
    calls = {name: syntax.javascript(s) for name, s in EXAMPLES.items()}
    body = ",\n".join(f"{json.dumps(name)}: {text}" for name, text in calls.items())
    out = node(
        f"{syntax.PRELUDE}\nconst all = {{{body}}};\nconst out = {{}};\n"
        f"for (const k in all) {{ out[k] = []; "
        f"for (let t = 1; t <= {STEPS}; t++) out[k].push(all[k](t)); }}\n"
        "console.log(JSON.stringify(out));"
    )
    for name, s in EXAMPLES.items():
        np.testing.assert_allclose(out[name], values(s), rtol=2e-15, atol=1e-16, err_msg=name)


@needs_node
def test_javascript_takes_other_arguments():
    text = syntax.javascript(schedules.cosine)
    h = json.dumps({"lr": 2, "steps": 10, "lr_min": 1})
    assert node(f"console.log(({text})(6, {h}))") == 1.5
    bound = syntax.javascript(cosine(lr=9, steps=9))
    assert node(f"console.log(({bound})(6, {h}))") == 1.5


@each
def test_latex_is_balanced_and_names_every_argument(s):
    text = syntax.latex(s)
    assert text.startswith("\\begin{aligned}\n") and text.endswith("\n\\end{aligned}")
    assert text.count("{") == text.count("}")
    assert text.count(r"\left") - text.count(r"\leftarrow") == text.count(r"\right")
    for name in s.arguments:
        assert syntax.latex_name(name) in text, name


def test_latex_of_a_composition_shows_both_schedules():
    text = syntax.latex(warmup(after=exponential(lr=0.3, gamma=0.9), steps=8))
    assert text.splitlines()[1:-1] == [
        r"\eta_{t} &= \begin{cases} \frac{\mathrm{after}\left(1\right)\, t}{\mathrm{steps}} & "
        r"\text{if } t \le \mathrm{steps} \\ "
        r"\mathrm{after}\left(\max\left(t - \mathrm{steps} + 1,\, 1\right)\right) & "
        r"\text{otherwise} \end{cases} \\",
        r"\mathrm{after}\left(t\right) &= \eta\, \gamma^{t - 1}",
    ]


def test_a_composition_of_unknown_source_has_no_javascript():
    s = warmup(after=counted_from_zero(lambda k: 1.0), steps=3)
    assert values(s, 5).tolist() == pytest.approx([1 / 3, 2 / 3, 1, 1, 1])
    with pytest.raises(syntax.UnknownSyntax, match="after=.*has no source"):
        syntax.javascript(s)


# ------------------------------------------------------------------------------ bad inputs

# fmt: off
# ruff: noqa: E501
BAD = [
    (cosine, {"lr": 0.1, "steps": 0}, ValueError, r"steps must be a whole number in \[1, infinity\), got 0"),
    (cosine, {"lr": 0.1, "steps": 2.5}, ValueError, "steps must be a whole number"),
    (cosine, {"lr": 0.1, "steps": "9"}, TypeError, "steps must be a number, got '9'"),
    (cosine, {"lr": 0.1, "steps": True}, TypeError, "steps must be a number, got True"),
    (cosine, {"lr": 0.1}, TypeError, "cosine needs steps"),
    (cosine, {"lr": 0.1, "step": 9}, TypeError, "no argument 'step'.*Did you mean steps"),
    (cosine, {"lr": 0.1, "steps": 9, "lr_min": 0.2}, ValueError, "needs lr_min <= lr, got.*0.2"),
    (cosine, {"lr": 0.1, "steps": 9, "lr_min": -1}, ValueError, r"lr_min must be a number in \[0"),
    (constant, {"lr": -0.1}, ValueError, r"lr must be a number in \[0, infinity\), got -0.1"),
    (constant, {"lr": math.nan}, ValueError, "lr must be.*got nan"),
    (constant, {"lr": math.inf}, ValueError, "lr must be.*got inf"),
    (constant, {"lr": None}, TypeError, "lr must be a number, got None"),
    (cosine_torch, {"lr": 0.1, "steps": 0}, ValueError, "steps must be"),
    (cosine_restarts, {"lr": 0.1, "steps": 0}, ValueError, "steps must be"),
    (cosine_restarts, {"lr": 0.1, "steps": 5, "growth": 0}, ValueError, "growth must be a whole"),
    (cosine_restarts, {"lr": 0.1, "steps": 5, "growth": 1.5}, ValueError, "growth must be a whole"),
    (step, {"lr": 0.1, "every": 0}, ValueError, "every must be a whole number"),
    (step, {"lr": 0.1, "every": 5, "gamma": -0.5}, ValueError, r"gamma must be a number in \[0"),
    (exponential, {"lr": 0.1, "gamma": -0.9}, ValueError, "gamma must be"),
    (multi_step, {"lr": 0.1, "milestones": []}, ValueError, "milestones must be rising"),
    (multi_step, {"lr": 0.1, "milestones": [9, 5]}, ValueError, "milestones must be rising"),
    (multi_step, {"lr": 0.1, "milestones": [0, 5]}, ValueError, "milestones.*at least|milestones.*must be"),
    (multi_step, {"lr": 0.1, "milestones": [2.5]}, ValueError, "milestones.*whole number"),
    (multi_step, {"lr": 0.1, "milestones": 5}, TypeError, "milestones must be a list"),
    (multi_step, {"lr": 0.1, "milestones": ["5"]}, TypeError, "milestones.*must be a number"),
    (inverse_t, {"lr": 0.1, "decay": -1}, ValueError, "decay must be"),
    (inverse_sqrt, {"lr": 0.1, "decay": math.nan}, ValueError, "decay must be"),
    (polynomial, {"lr": 0.1, "steps": 9, "power": 0}, ValueError, r"power must be a number in \(0"),
    (warmup, {"after": 0.1, "steps": 5}, TypeError, "after must be a schedule with its arguments"),
    (warmup, {"after": cosine, "steps": 5}, TypeError, "after must be a schedule with its arguments"),
    (warmup, {"after": constant(lr=1), "steps": 0}, ValueError, "steps must be"),
    (warmup_from, {"after": constant(lr=1), "steps": 5, "start": 1.5}, ValueError, r"start.*\[0, 1\]"),
    (warmup_cosine, {"lr": 0.1, "steps": 5, "warmup": 5}, ValueError, "needs warmup < steps"),
    (warmup_linear, {"lr": 0.1, "steps": 5, "warmup": -1}, ValueError, "warmup must be"),
    (wsd, {"lr": 0.1, "steps": 9, "warmup": 5, "cooldown": 5}, ValueError, r"warmup \+ cooldown <= steps"),
    (wsd, {"lr": 0.1, "steps": 9, "warmup": 5, "cooldown": 0}, ValueError, "cooldown must be"),
    (one_cycle, {"lr": 0.1, "steps": 10, "pct": 1.5}, ValueError, r"pct must be a number in \(0, 1\), got 1.5"),
    (one_cycle, {"lr": 0.1, "steps": 10, "pct": 0}, ValueError, "pct must be"),
    (one_cycle, {"lr": 0.1, "steps": 3}, ValueError, r"needs pct \* steps > 1"),
    (one_cycle, {"lr": 0.1, "steps": 10, "div": 0}, ValueError, "div must be"),
    (one_cycle_optax, {"lr": 0.1, "steps": 3}, ValueError, r"pct \* steps >= 1"),
    (one_cycle_momentum, {"steps": 10, "high": 1.0}, ValueError, r"high must be a number in \[0, 1\)"),
    (one_cycle_momentum, {"steps": 10, "high": 0.5}, ValueError, "needs low <= high"),
    (ReduceOnPlateau, {"lr": -1}, ValueError, "lr must be"),
    (ReduceOnPlateau, {"lr": 1, "factor": 1}, ValueError, r"factor must be a number in \(0, 1\)"),
    (ReduceOnPlateau, {"lr": 1, "patience": -1}, ValueError, "patience must be"),
    (ReduceOnPlateau, {"lr": 1, "cooldown": 0.5}, ValueError, "cooldown"),
    (ReduceOnPlateau, {"lr": 1, "lr_min": 2}, ValueError, "needs lr_min <= lr"),
    (ReduceOnPlateau, {"lr": 1, "mode": "least"}, ValueError, 'mode must be "min" or "max"'),
]
# fmt: on


@pytest.mark.parametrize("make, arguments, error, message", BAD)
def test_bad_arguments_raise(make, arguments, error, message):
    with pytest.raises(error, match=message):
        make(**arguments)


def test_unknown_schedule_names_its_neighbours():
    with pytest.raises(ValueError, match="no schedule named 'cosin'.*cosine"):
        schedules.get("cosin")


def test_a_schedule_that_leaves_the_range_is_caught_at_its_step():
    opt = Optimizer("momentum", np.ones(1), beta=lambda t: 0.5 * t)
    theta = opt.step(np.ones(1), np.ones(1))
    with pytest.raises(ValueError, match=r"at t=2, beta must be a number in \[0, 1\), got 1.0"):
        opt.step(theta, np.ones(1))
    assert opt.t == 1


# --------------------------------------------------------------------------------- plateau


def plateau_values(ours, metrics, **torch_arguments):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    theirs = torch_lr.ReduceLROnPlateau(optimizer, **torch_arguments)
    rates = []
    for metric in metrics:
        theirs.step(metric)
        rates.append(optimizer.param_groups[0]["lr"])
    return [ours.observe(m) for m in metrics], rates


@pytest.mark.parametrize("mode", ["min", "max"])
@pytest.mark.parametrize("patience, cooldown", [(0, 0), (1, 0), (2, 3), (4, 1)])
def test_plateau_is_torchs(mode, patience, cooldown):
    rng = np.random.default_rng(3)
    sign = 1 if mode == "min" else -1
    metrics = 2 + sign * (np.exp(-np.arange(80) / 15) + 0.05 * rng.standard_normal(80))
    arguments = {"factor": 0.5, "patience": patience, "cooldown": cooldown, "mode": mode}
    ours = ReduceOnPlateau(lr=1.0, lr_min=1e-3, **arguments)
    got, expected = plateau_values(ours, metrics, min_lr=1e-3, **arguments)
    assert got == expected
    assert got[-1] < 1


def test_plateau_cuts_one_check_later_than_optax():
    import optax
    from optax.contrib import reduce_on_plateau

    transform = reduce_on_plateau(factor=0.5, patience=3, rtol=1e-4)
    state, scales = transform.init({}), []
    for _ in range(8):
        _, state = transform.update({}, state, value=1.0)
        scales.append(float(state.scale))
    assert optax.__version__
    same = ReduceOnPlateau(lr=1.0, factor=0.5, patience=2)
    assert [same.observe(1.0) for _ in range(8)] == scales


def test_plateau_pickles_refuses_nan_and_drives_an_optimizer():
    plateau = ReduceOnPlateau(lr=0.5, factor=0.1, patience=0)
    assert [plateau.observe(x) for x in (1.0, 1.0)] == [0.5, 0.05]
    twin = pickle.loads(pickle.dumps(plateau))
    before = (plateau.lr, plateau.best, plateau.bad)
    for bad, error in ((math.nan, ValueError), ("1", TypeError), (None, TypeError)):
        with pytest.raises(error, match="metric"):
            plateau.observe(bad)
    assert (plateau.lr, plateau.best, plateau.bad) == before
    assert twin.observe(1.0) == plateau.observe(1.0) == pytest.approx(0.005)
    opt = Optimizer(rules.get("gradient_descent"), np.ones(1), lr=plateau)
    assert opt.step(np.ones(1), np.ones(1)) == pytest.approx(1 - 0.005)
    assert plateau.observe(math.inf) == pytest.approx(0.0005)
