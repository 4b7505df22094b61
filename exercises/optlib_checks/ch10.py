"""Chapter 10, schedules: references, random cases and known mistakes."""

import math

import numpy as np

from optlib_checks import mutants
from optlib_checks.judge import Exercise, Mistake, not_yet, passed


def _warmup_cosine(
    t,
    lr,
    warmup,
    steps,
    lr_min,
    *,
    ramp="whole",
    end="steps",
    after="stays",
    fall="cosine",
    floor="right",
    jump=False,
):
    if t <= warmup:
        share = {
            "whole": t,
            "zero": t - 1,
            "from zero": (t - 1) * warmup / max(warmup - 1, 1),
            "late": t * warmup / (warmup + 1),
        }.get(ramp, t)
        low = lr_min if ramp == "floor" else 0.0
        return (np.array(low + (lr - low) * share / warmup),)
    length = {
        "steps": steps - warmup,
        "extra": steps,
        "early": steps - warmup - 1,
        "held": steps - warmup - 1,
    }.get(end, steps - warmup)
    done = (t - warmup - (1 if end in ("late", "held") else 0)) / length
    done = t / steps if jump else done
    done = min(done, 1.0) if after != "rises" else done
    height = {
        "cosine": (1 + math.cos(math.pi * done)) / 2,
        "linear": 1 - done,
        "twice": 1 + math.cos(math.pi * done),
        "period": (1 + math.cos(2 * math.pi * done)) / 2,
        "quarter": math.cos(math.pi * done / 2),
    }[fall]
    if after == "zero" and t > steps:
        return (np.array(0.0),)
    return (np.array(lr * height + lr_min if floor == "added" else lr_min + (lr - lr_min) * height
                     if floor == "right" else max(lr * height, lr_min)),)  # fmt: skip


def _times(rng):
    for k in range(24):
        warmup, length = int(rng.integers(3, 9)), int(rng.integers(6, 20))
        steps = warmup + length
        t = (
            1,
            warmup,
            warmup + 1,
            steps,
            steps + int(rng.integers(1, 5)),
            int(rng.integers(2, warmup)),
            int(rng.integers(warmup + 2, steps)),
            steps - 1,
        )[k % 8]
        yield {
            "t": t,
            "lr": float(rng.uniform(0.1, 2)),
            "warmup": warmup,
            "steps": steps,
            "lr_min": float(rng.uniform(0.01, 0.05)),
        }


warmup_cosine = Exercise(
    name="warmup_cosine",
    reads="function",
    returns=("rate",),
    reference=_warmup_cosine,
    cases=_times,
    corners=(
        ("no warm-up", {"t": 5, "lr": 0.1, "warmup": 0, "steps": 10, "lr_min": 0.0}),
        (
            "a warm-up of one step",
            {"t": 1, "lr": 0.1, "warmup": 1, "steps": 10, "lr_min": 0.02},
        ),
    ),
    mistakes=(
        Mistake(
            {"ramp": "zero"},
            "the warm-up starts at 0, and that step does nothing. At t = 1 it is lr/warmup.",
        ),
        Mistake(
            {"ramp": "from zero"},
            "the warm-up starts at 0, and that step does nothing: it is lr/warmup at t = 1.",
        ),
        Mistake({"ramp": "late"}, "the peak comes one step late: at t = warmup the rate is lr."),
        Mistake({"ramp": "floor"}, "the warm-up starts above lr_min in yours; it is lr·t/warmup."),
        Mistake({"end": "extra"}, "`steps` counts the warm-up too: lr_min is due at t = steps."),
        Mistake({"end": "late"}, "the cosine runs one step late: lr_min is due at t = steps."),
        Mistake(
            {"end": "held"},
            "the peak is held for one more step: the cosine begins at t = warmup, and falls at "
            "t = warmup + 1.",
        ),
        Mistake({"end": "early"}, "lr_min comes one step early: it is due at t = steps."),
        Mistake(
            {"jump": True},
            "the cosine begins at t = 0, so the rate jumps down after the warm-up. Let it begin "
            "at t = warmup.",
        ),
        Mistake({"after": "rises"}, "after the end the cosine rises again; stay at lr_min."),
        Mistake({"after": "zero"}, "after the end the rate is 0 in yours; it stays at lr_min."),
        Mistake({"fall": "linear"}, "that is a straight line down; a half cosine is asked."),
        Mistake({"fall": "twice"}, "1 + cos goes from 2 to 0: halve it."),
        Mistake({"fall": "period"}, "that is a whole period of the cosine: down, and up again."),
        Mistake({"fall": "quarter"}, "a quarter of a cosine; a half one goes from 1 to −1."),
        Mistake(
            {"floor": "added"},
            "lr_min is added to the whole cosine, which then starts above lr. Let it fall by "
            "lr − lr_min.",
        ),
        Mistake(
            {"floor": "cut"},
            "you fall to 0 and cut at lr_min; the cosine itself ends there.",
        ),
    ),
)


def _averages(
    path,
    tail,
    decay,
    *,
    first=0,
    short=0,
    head=False,
    corrected=True,
    seed=False,
    swapped=False,
    start=1,
    power=None,
    order=(0, 1),
):
    path = np.asarray(path, dtype=float)
    end = len(path) - short
    kept = path[:tail] if head else path[len(path) - tail - first : end]
    a, weight = (path[0], 1.0) if seed else (0.0 * path[0], 0.0)
    keep = 1 - decay if swapped else decay
    for x in path[start:]:
        a, weight = keep * a + (1 - keep) * x, keep * weight + 1 - keep
    weight = {"T": 1 - decay ** (len(path) - 1), "T + 1": 1 - decay ** len(path)}.get(power, weight)
    found = np.mean(kept, axis=0), a / weight if corrected else a
    return tuple(found[k] for k in order)


def _paths(rng):
    for k in range(14):
        shape = ((3,), (), (2, 2))[k % 3]
        count = int(rng.integers(6, 20))
        yield {
            "path": rng.normal(size=(count, *shape)) + 3,
            "tail": int(rng.integers(2, count - 2)),
            "decay": float(rng.uniform(0.6, 0.95)),
        }


averages = Exercise(
    name="averages",
    reads="function",
    returns=("tail_mean", "ema"),
    reference=_averages,
    cases=_paths,
    corners=(
        (
            "tail = 1, which is the last point",
            {"path": np.array([[1.0], [2.0], [5.0]]), "tail": 1, "decay": 0.5},
        ),
        (
            "decay = 0, which is the last point too",
            {"path": np.array([[1.0], [2.0], [5.0]]), "tail": 2, "decay": 0.0},
        ),
    ),
    mistakes=(
        Mistake({"first": 1}, "one point too many in the tail: tail + 1 of them."),
        Mistake({"first": -1}, "one point too few in the tail."),
        Mistake({"first": 1, "short": 1}, "the tail stops before the last point."),
        Mistake({"head": True}, "those are the first points; the last ones are asked."),
        Mistake(
            {"corrected": False},
            "the average starts at 0 and is too small at first: divide by the sum of its weights.",
        ),
        Mistake(
            {"seed": True},
            "x₀ stays in your average with the weight decayᵗ. Start at 0 and divide by the "
            "weights' sum.",
        ),
        Mistake(
            {"seed": True, "power": "T"},
            "your average starts at x₀, which has no part in it. Start at 0.",
        ),
        Mistake({"start": 0}, "x₀ is averaged too; begin with x₁."),
        Mistake({"start": 0, "power": "T"}, "x₀ has no part in the average; begin with x₁."),
        Mistake({"swapped": True}, "decay is the share of the old average that is kept."),
        Mistake(
            {"swapped": True, "power": "T"},
            "you keep 1 − decay of the old average; decay is what is kept.",
        ),
        Mistake(
            {"power": "T + 1"},
            "the weights of x₁ … x_T sum to 1 − decayᵀ, with T = len(path) − 1: your exponent is "
            "one too large.",
        ),
        Mistake({"order": (1, 0)}, "return the mean of the last points first, then the other."),
    ),
)


def _line(t, lr, warmup, steps, *, slip=None):
    """Warm-up and a straight line down, with one slip or none."""
    if t <= warmup:
        share = {
            "zero": (t - 1) / max(warmup, 1),
            "late": t / (warmup + 1),
            "square": (t / max(warmup, 1)) ** 2,
            "stairs": t // max(warmup, 1),
        }.get(slip, t / max(warmup, 1))
        return lr * share
    if slip == "none" and warmup == 0:
        warmup = 1
    left = {
        "plus": (steps + 1 - t) / (steps + 1 - warmup),
        "minus": (steps - 1 - t) / max(steps - 1 - warmup, 1),
        "extra": (steps + warmup - t) / steps,
        "jump": 1 - t / steps,
    }.get(slip, (steps - t) / (steps - warmup))
    if slip == "below":
        return lr * left
    if slip == "mirror":
        return lr * abs(left)
    left = max(left, 0.0)
    if slip == "cosine":
        left = (1 - math.cos(math.pi * min(left, 1.0))) / 2
    return lr * left


def _right_min(t, lr, warmup, steps):
    rise = t / warmup if warmup else 1.0
    return lr * max(0.0, min(rise, (steps - t) / (steps - warmup), 1.0))


def _right_interp(t, lr, warmup, steps):
    return float(np.interp(t, [0, warmup, steps], [0 if warmup else lr, lr, 0]))


def _right_difference(t, lr, warmup, steps):
    risen = np.clip(t, 0, warmup) / warmup if warmup else 1.0
    return lr * (risen - np.clip(t - warmup, 0, steps - warmup) / (steps - warmup))


_RIGHT = (_line, _right_min, _right_interp, _right_difference)
_WRONG = (
    ("zero", "the first value"),
    ("late", "the peak"),
    ("square", "inside the warm-up"),
    ("stairs", "inside the warm-up"),
    ("jump", "the step after the peak"),
    ("cosine", "between peak and end"),
    ("plus", "the last value"),
    ("minus", "the last values"),
    ("extra", "what steps counts"),
    ("below", "after the end"),
    ("mirror", "after the end"),
    ("none", "no warm-up at all"),
)


def _implementation(function, change, slip):
    """One schedule like any other from outside; ``slip`` is the class of its mistake."""

    def schedule(t, lr, warmup, steps):
        numbers = map(float, (t, lr, warmup, steps))  # an array of t fails in all alike
        return np.asarray(function(*numbers, **change), dtype=float)

    schedule.slip = slip
    return schedule


def _implementations(rng):
    made = [_implementation(function, {}, None) for function in _RIGHT]
    made += [_implementation(_line, {"slip": slip}, name) for slip, name in _WRONG]
    for k in rng.permutation(len(made)):
        yield {"schedule": made[k]}


test_schedule = Exercise(
    name="test_schedule",
    reads="tests",
    returns=("accepted",),
    reference=lambda schedule: (np.array(float(schedule.slip is None)),),
    cases=_implementations,
    verdict=mutants.verdict("schedule", [slip for _, slip in _WRONG]),
)

STEPS = 1000
CURVATURES = np.array([1.0, 0.1, 0.01])
BEST_CONSTANT = 0.1345  # what the best constant step size leaves
GOAL = 0.069
LEAST = "Descent on all 1,000 step sizes ends at 0.0667."  # from every start that was tried


def final_loss(rates):
    """The expected loss of SGD on three directions, after a step for each of ``rates``.

    Curvatures 1, 0.1 and 0.01, noise of variance 1 in each gradient, start 10 in each direction.
    Returns the loss and the part of it that is left from the start.
    """
    square, bias = np.full(3, 100.0), np.full(3, 100.0)
    for lr in rates:
        shrink = (1 - lr * CURVATURES) ** 2
        square, bias = shrink * square + lr**2, shrink * bias
    return float(CURVATURES @ square / 2), float(CURVATURES @ bias / 2)


def _judge_design(exercise, answers):
    ((_, (rates,)),) = answers
    if rates.shape != (STEPS,):
        return not_yet(exercise, f"{STEPS} step sizes in one row; yours has {rates.shape}.")
    if not ((rates >= 0) & (rates <= 1)).all():
        return not_yet(exercise, "every step size lies between 0 and 1.")
    loss, bias = final_loss(rates)
    if loss <= GOAL:
        return passed(exercise, f"final loss {loss:.4f}. {LEAST}")
    score = min(1.0, max(0.0, (BEST_CONSTANT - loss) / (BEST_CONSTANT - GOAL)))
    return not_yet(exercise, f"final loss {loss:.4g}. {_design_hint(rates, loss, bias)}", score)


def _design_hint(rates, loss, bias):
    if np.ptp(rates) == 0:
        return "A constant rate leaves its noise, or does not arrive. Let it fall."
    if bias > loss / 2:
        return (
            f"{bias:.2g} of it is left from the start: the flat direction has not arrived. Longer "
            "steps, or hold them longer."
        )
    if rates[-1] > 0.02:
        return "Nearly all of it is noise of the last steps: let them end shorter."
    if loss > 0.0705:
        return (
            "It arrives and it ends short. Now fall earlier from a higher start, as 1/t does, and "
            "keep the last steps for a fall to nearly 0."
        )
    return (
        "As good as a straight line. The steep direction asks for 1/t from the first step on, and "
        "the flat one for long steps late: multiply two schedules."
    )


design = Exercise(
    name="design",
    reads="array",
    returns=("rates",),
    reference=lambda: (np.array([]),),
    verdict=_judge_design,
)


def _one_cycle(
    t,
    lr,
    steps,
    pct,
    div,
    final_div,
    low,
    high,
    *,
    same=False,
    peak_late=0,
    end_late=0,
    from_peak=False,
    linear=False,
    cycle=True,
    rises=False,
    from_zero=False,
    to_zero=False,
    order=(0, 1),
):
    peak, first = pct * steps + peak_late, lr / div
    last = 0.0 if to_zero else (lr if from_peak else first) / final_div
    up = t / peak if from_zero else (t - 1) / (peak - 1)
    down = (t - peak) / (steps + end_late - peak)
    down = down if rises else min(down, 1.0)
    share = up if t <= peak else 1 - down  # 0 at both ends, 1 at the peak
    height = share if linear else (1 - math.cos(math.pi * share)) / 2
    bottom = first if t <= peak else last
    beta = high - (high - low) * height
    beta = low + (high - low) * height if same else beta
    found = (np.array(bottom + (lr - bottom) * height), np.array(beta if cycle else high))
    return tuple(found[k] for k in order)


def _cycle_times(rng):
    for k in range(21):
        steps = 20 * int(rng.integers(1, 4))
        pct = float(rng.choice([0.25, 0.3, 0.4]))
        peak = round(pct * steps)
        t = (
            1,
            peak,
            peak + 1,
            steps,
            int(rng.integers(2, peak)),
            int(rng.integers(peak + 2, steps)),
            steps + int(rng.integers(1, 5)),
        )[k % 7]
        yield {
            "t": t,
            "lr": float(rng.uniform(0.1, 2)),
            "steps": steps,
            "pct": peak / steps,
            "div": float(rng.uniform(5, 30)),
            "final_div": float(rng.uniform(3, 10)),
            "low": float(rng.uniform(0.7, 0.85)),
            "high": float(rng.uniform(0.9, 0.97)),
        }


one_cycle = Exercise(
    name="one_cycle",
    reads="function",
    returns=("rate", "beta"),
    reference=_one_cycle,
    cases=_cycle_times,
    mistakes=(
        Mistake({"same": True}, "β rises with the rate; it is to be low while the rate is high."),
        Mistake({"cycle": False}, "β stays at `high`; it is to dip to `low` at the peak."),
        Mistake({"peak_late": 1}, "the peak comes one step late: it is at t = pct · steps."),
        Mistake({"end_late": 1}, "the end comes one step late: it is at t = steps."),
        Mistake(
            {"from_peak": True},
            "final_div divides the peak in yours; it divides the first rate, lr/div.",
        ),
        Mistake({"to_zero": True}, "the rate ends at lr/(div · final_div), not at 0."),
        Mistake(
            {"from_zero": True},
            "the way up begins at t = 0 in yours; at t = 1 the rate is still lr/div.",
        ),
        Mistake({"linear": True}, "those are straight lines; both ways are half cosines."),
        Mistake({"rises": True}, "after the end the cosine rises again; stay at the last values."),
        Mistake({"order": (1, 0)}, "return the rate first, then β."),
    ),
)


def _plateau(
    losses,
    lr,
    factor,
    patience,
    *,
    last=False,
    keeps=False,
    again=False,
    early=False,
    late=False,
    fixed=False,
    equal=False,
    before=False,
    forgets=False,
):
    best, bad, rate, rates = math.inf, 0, lr, []
    for loss in losses:
        old = rate
        better = loss <= best if equal else loss < best
        if better:
            best, bad = loss, (bad if keeps else 0)
        else:
            bad += 1
        if last:
            best = loss
        limit = patience + (-1 if early else 1 if late else 0)
        if bad > limit:
            rate = lr * factor if fixed else rate * factor
            bad = bad if again else 0
            best = loss if forgets else best
        rates.append(old if before else rate)
    return (np.array(rates),)


def _loss_cases(rng):
    for k in range(16):
        n = int(rng.integers(20, 30))
        falling = 3 * 0.9 ** np.arange(n)
        losses = np.round(falling + 0.5 * rng.random(n), 1)
        if k == 0:  # after a cut they fall again, and never to the record
            losses = np.r_[1, 5, 5, 5, 5, np.resize([4, 4.5, 4.2, 4.6, 4.3], n - 5)]
        yield {
            "losses": losses,
            "lr": float(rng.uniform(0.1, 1)),
            "factor": float(rng.uniform(0.3, 0.7)),
            "patience": int(rng.integers(1, 4)),
        }


plateau = Exercise(
    name="plateau",
    reads="function",
    returns=("rates",),
    reference=_plateau,
    cases=_loss_cases,
    corners=(
        (
            "patience = 0",
            {"losses": np.array([2.0, 2.0, 1.0, 1.5]), "lr": 1.0, "factor": 0.5, "patience": 0},
        ),
    ),
    mistakes=(
        Mistake(
            {"last": True, "keeps": True, "again": True},
            "the loop is as it was given, with three faults in it. Begin with what a loss is "
            "compared with.",
        ),
        Mistake(
            {"last": True},
            "a loss is compared with the one before; it must beat the best so far.",
        ),
        Mistake(
            {"keeps": True},
            "an improvement does not empty the count; patience is about checks in a row.",
        ),
        Mistake(
            {"again": True},
            "after a cut the count stays full, and the next bad check cuts again: empty it.",
        ),
        Mistake(
            {"early": True},
            "one check too early: patience bad checks are tolerated, the next one cuts.",
        ),
        Mistake({"late": True}, "one check too late: patience + 1 bad checks in a row cut."),
        Mistake({"fixed": True}, "every cut starts from the first rate: multiply the present one."),
        Mistake({"forgets": True}, "a cut forgets the best loss in yours; the record stays."),
        Mistake({"equal": True}, "an equal loss is no improvement."),
        Mistake({"before": True}, "the rates are one check late: give the rate after each loss."),
    ),
    slips=3,
)

EXERCISES = (
    warmup_cosine,
    averages,
    test_schedule,
    design,
    one_cycle,
    plateau,
)
