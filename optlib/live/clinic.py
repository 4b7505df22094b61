"""Recorded training runs with one thing broken: what is it? The plots, the guesses, the remedy."""

import json

import numpy as np

from .. import experiments
from . import frame

CURVES = ("loss", "test_loss", "gradient", "ratio", "moved")
# case of the record: its diagnosis in words
DIAGNOSES = {
    "lr_high": "The step size is too large",
    "lr_low": "The step size is too small",
    "no_zero_grad": "The gradients are never cleared",
    "shuffled_labels": "The labels do not belong to the inputs",
    "raw_inputs": "The inputs are raw grey levels",
    "zero_start": "All weights start at zero",
    "overfitting": "There are too few examples",
    "bfloat16": "The weights are stored in bfloat16",
    "tight_clip": "A clip cuts every gradient",
    "softmax_twice": "The loss gets probabilities, not logits",
    "sorted_data": "The examples come sorted by label",
    "strong_decay": "The weight decay is too strong",
}
# case: (why it is this, with the remedy; {other diagnosis: why it is not that}). The order is that
# of the menu, where a case is known by its number alone.
CASES = {
    "lr_low": (
        "Every weight moves, the gradient is there, and a step is less than a ten-thousandth of "
        "the weights. Remedy: a step size a thousand times larger, found by a range test.",
        {
            "bfloat16": "Then most weights would not move at all. Here every one does, by little.",
            "zero_start": "Then less than one weight in a hundred would move.",
            "strong_decay": "Decay shortens no step. These are far below those of the healthy run.",
        },
    ),
    "softmax_twice": (
        "The loss stops just above log(e + 9) − 1 = 1.461, the least that a softmax of "
        "probabilities can cost, while nearly all answers are right. Remedy: pass logits.",
        {
            "overfitting": "Then training and test loss would part. They stay together.",
            "strong_decay": "Then the gradient would keep its norm, held up by the decay, and "
            "fewer answers would be right.",
            "lr_low": "Then a step would be below a ten-thousandth of the weights. Here it is "
            "above a thousandth.",
        },
    ),
    "zero_start": (
        "Less than one weight in a hundred ever moves: the biases of the last layer. The others "
        "have no gradient. Remedy: random initial weights.",
        {
            "bfloat16": "Then some weights in every layer would move, and the steps would be "
            "short. Here they are long, for the few numbers that are not zero.",
            "shuffled_labels": "Then every weight would move, towards nothing.",
            "raw_inputs": "Saturated units leave a part of the weights still, not nearly all.",
        },
    ),
    "lr_high": (
        "The first steps are a fifth of the weights, and the loss climbs above its start. Remedy: "
        "a twentieth of the step size.",
        {
            "no_zero_grad": "Then the norm of the gradient would grow a hundredfold, being a sum "
            "over all batches so far.",
            "shuffled_labels": "Then the loss would stay near that of guessing, not climb above "
            "it: with honest steps guessing is always within reach.",
            "sorted_data": "Then the loss would jump up by half and fall back, again and again, "
            "as the labels change.",
        },
    ),
    "bfloat16": (
        "Only a few weights in a hundred move: those so near zero that a step is not rounded off. "
        "Remedy: master weights in float32. The repaired run has the same small step size.",
        {
            "lr_low": "A small step moves every float32 weight, if only by little. Look at the "
            "share that moves.",
            "zero_start": "Then still fewer would move, and the gradient would be much smaller.",
            "tight_clip": "A clip shortens the steps of all weights and stops none.",
        },
    ),
    "shuffled_labels": (
        "Steps of a healthy length, every weight moves, and the test loss ends above that of "
        "guessing: it learns what is not there. Remedy: look at ten examples with their labels.",
        {
            "lr_low": "Then a step would be below a ten-thousandth of the weights. Here it is "
            "above a thousandth.",
            "raw_inputs": "Then a part of the weights would stand still, behind saturated units.",
            "overfitting": "Then the training loss would go to zero.",
        },
    ),
    "overfitting": (
        "The training loss goes to zero, faster than in the healthy run, and the test loss rises "
        "from its lowest point. Remedy: more examples; else stop early, or decay.",
        {
            "shuffled_labels": "Then it would be no better than guessing on the test part.",
            "strong_decay": "Decay holds training and test loss together. These part.",
            "lr_high": "Then the loss would be ragged. The training loss falls smoothly.",
        },
    ),
    "no_zero_grad": (
        "The norm of the gradient grows a hundredfold and more: every backward pass adds to what "
        "is there. Remedy: zero_grad before each.",
        {
            "lr_high": "That makes long steps, but the gradient of a single batch stays within "
            "about ten times its first norm.",
            "sorted_data": "Then the loss would come down again; this one has long left.",
            "raw_inputs": "Then the loss would end near that of guessing.",
        },
    ),
    "tight_clip": (
        "No step is ever longer than 0.005 of the weights, though the gradient keeps most of its "
        "norm and all weights move. A step size ten times too small would look much the same: "
        "count the steps that are clipped. Remedy: a higher clip, or none.",
        {
            "bfloat16": "Then most weights would stand still. All of them move.",
            "strong_decay": "Then the loss would stop at a level. This one keeps falling.",
            "no_zero_grad": "Then the norm of the gradient would grow without bound.",
        },
    ),
    "sorted_data": (
        "The loss jumps by half and more, again and again: when a new label begins, the network "
        "has just learned to answer the old one. Remedy: shuffle before every pass.",
        {
            "lr_high": "Then the very first steps would be a fifth of the weights.",
            "no_zero_grad": "Then the norm of the gradient would be in the hundreds.",
            "overfitting": "Then the training loss would go to zero, smoothly.",
        },
    ),
    "raw_inputs": (
        "Half of the weights stand still: units that inputs of up to 255 have pushed to the flat "
        "ends of tanh pass no gradient on. Remedy: standardise the inputs.",
        {
            "zero_start": "Then less than one weight in a hundred would move.",
            "bfloat16": "Then only a few in a hundred would move, and the steps would be short.",
            "lr_low": "The steps are as long as those of the healthy run, or longer.",
        },
    ),
    "strong_decay": (
        "Training and test loss stop together, and the gradient does not shrink: it stands in "
        "balance with the decay. Remedy: a tenth of it or less.",
        {
            "overfitting": "Then training and test loss would part.",
            "softmax_twice": "Then nearly all answers would be right, and the loss below 1.56.",
            "lr_low": "The steps are longer than those of the healthy run.",
        },
    ),
}


def clinic(cases=tuple(CASES), *, name="clinic", run=None, seed=1):
    """Broken training runs beside a healthy one, to be diagnosed from the plots -> LiveFigure.

    The reader chooses a run, looks at its losses, the norm of its gradient, the length of a step
    over that of the weights and the share of weights that move, and picks one of four diagnoses.
    A wrong one is answered with what speaks against it; the right one with the remedy, whose
    curves are then drawn. A shared link names the run, not the answer.

    cases : names of the record's cases, 2 or more, in the order of the menu. run : the one shown
    first, "run 1" and so on (default: the first). seed : the seed whose runs are shown.

    The runs are those of ``experiments.load("broken_runs")``, three digits each. Raises ValueError
    that names the argument, its value and what is allowed.
    """
    cases = (cases,) if isinstance(cases, str) else tuple(cases)
    if len(cases) < 2 or len(set(cases)) < len(cases) or not set(cases) <= set(CASES):
        raise ValueError(f"cases is {cases!r}; allowed: 2 or more different of {', '.join(CASES)}")
    record = experiments.load("broken_runs")
    seeds = record["parameters"]["seeds"]
    if seed not in seeds:
        raise ValueError(f"seed is {seed!r}; allowed: {', '.join(map(str, seeds))}")
    found = {(r["case"], r["repaired"]): _short(r["result"]) for r in record["runs"]
             if r["seed"] == seed}  # fmt: skip
    healthy = found["healthy", True]
    patients = [
        {
            "broken": found[case, False],
            "repaired": found.get((case, True)),  # none: the healthy run is what it becomes
            "right": DIAGNOSES[case],
            "why": CASES[case][0],
            "others": {DIAGNOSES[other]: words for other, words in CASES[case][1].items()},
        }
        for case in cases
    ]
    runs = [f"run {k}" for k in range(1, len(cases) + 1)]
    run = runs[0] if run is None else run
    settings = [frame.choice("run", "training run", runs, run)]
    every = record["parameters"]["record_every"]
    times = [every * k for k in range(1, len(healthy["loss"]) + 1)]
    call = [] if cases == tuple(CASES) else [f"cases={cases!r}"]
    call += [] if seed == 1 else [f"seed={seed}"]
    return frame.build(
        "clinic",
        name,
        frame.compose(
            "curves.js",
            "clinic.js",
            TIMES=json.dumps(times),
            HEALTHY=_compact(healthy),
            PATIENTS=_compact(patients),
        ),
        settings,
        ", ".join(call),
        "A broken training run beside a healthy one: losses, gradient, steps, share that moves",
        lambda sheet: _paint(sheet, times, patients[runs.index(run)]["broken"], healthy),
    )


def _short(result):
    """The curves and the test accuracy, three digits each."""
    kept = {k: [float(f"{v:.3g}") for v in result[k]] for k in CURVES}
    return {**kept, "accuracy": round(result["accuracy"], 3)}


def _compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _paint(sheet, times, broken, healthy):
    for ax, (key, words) in zip(sheet.subplots(1, 4), PANELS.items()):
        for result, colour in ((healthy, "#767676"), (broken, "#c44e00")):
            ax.semilogy(times, result[key], color=colour)
        ax.set(title=words, xlabel="step")
        ax.set_xticks(np.array([0, times[-1]]))


PANELS = {
    "loss": "loss",
    "gradient": "norm of the gradient",
    "ratio": "step / weights",
    "moved": "share that moves",
}
