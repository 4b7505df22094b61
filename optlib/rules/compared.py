"""The one table of who must agree with whom: a library's call, the rule it is here, the settings.

The rows of ``conventions.ROSETTA`` use every library's defaults; VARIANTS add weight decay, other
constants and the rules that no library has under one name. ``tests/test_parity.py`` runs every row;
the formula sheet prints from it what each rule was compared with.
"""

import re
from dataclasses import dataclass, field

from .conventions import ROSETTA

STEPS = 200

# Kinds of gradients, and how many steps are compared.
KINDS = {
    "plain": STEPS,
    "noisy": STEPS,
    "schedule": STEPS,
    "sparse": 80,
    "zero": 80,
    "tiny": 80,
    "huge": 80,
}

TOLERANCE = 1e-12
EXACT = ("torch", "optax")


@dataclass(frozen=True)
class Row:
    """One comparison: ``call`` of a library against ``rule`` with ``settings``.

    rate : the hyperparameter that plays the library's learning rate. tolerance : largest relative
    difference, with the reason (why) where it is not TOLERANCE. without : kinds of gradients left
    out, each with its reason. shapes : the layers.
    """

    call: str
    rule: str
    settings: dict = field(default_factory=dict)
    rate: str = "lr"
    tolerance: float = TOLERANCE
    why: str = ""
    without: dict = field(default_factory=dict)
    shapes: tuple = ((2, 3), (4,))

    @property
    def library(self):
        return re.match(r"\w+", self.call)[0]

    @property
    def id(self):
        return f"{self.rule}-{self.call}"


SQUARE_AND_WIDE = ((3, 3), (2, 5))
MATRICES = ((3, 3), (2, 5), (6, 2))
BFLOAT = "torch iterates in bfloat16; the oracle is told to stay in float64"
ADDED_EPS = "the library adds eps to the norm inside orth: relative to a norm of about 2"
NO_LOWER_BOUND = {
    "tiny": "the library's eps, not this rule's 1e-7, bounds the norm of a tiny gradient"
}
# Settings that the defaults' rows need beyond ROSETTA.
_EXTRA = {
    "torch.optim.Muon()": {"shapes": MATRICES},
    "optax.contrib.muon(lr)": {
        "shapes": MATRICES,
        "tolerance": 1e-8,
        "why": ADDED_EPS,
        "without": NO_LOWER_BOUND,
    },
    "keras.optimizers.Muon()": {
        "shapes": ((3, 3), (5, 2)),
        "tolerance": 1e-8,
        "why": ADDED_EPS,
        "without": NO_LOWER_BOUND,
    },
    "pytorch_optimizer.LARS()": {"shapes": ((2, 3), (3, 2))},
}
DEFAULTS = [
    Row(call, rule, settings, **_EXTRA.get(call, {})) for call, (rule, settings) in ROSETTA.items()
]

_ADAM = {"beta1": 0.8, "beta2": 0.95, "eps": 1e-3}
_BETAS = "betas=(0.8, 0.95), eps=1e-3"
_B1B2 = "b1=0.8, b2=0.95, eps=1e-3"
# fmt: off
# ruff: noqa: E501
VARIANTS = [
    # torch
    Row("torch.optim.SGD(momentum=0.5, weight_decay=0.1)", "momentum", {"lr": 1e-3, "beta": 0.5, "l2": 0.1}),
    Row("torch.optim.SGD(momentum=0.9, dampening=0.9, weight_decay=0.1)", "sgd_torch", {"beta": 0.9, "damping": 0.9, "l2": 0.1}),
    Row("torch.optim.SGD(dampening=0.9)", "sgd_torch", {"damping": 0.9}),
    Row("torch.optim.SGD(lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1)", "nesterov_torch", {"lr": 0.1, "l2": 0.1}),
    Row("torch.optim.Adagrad(lr=0.1, lr_decay=0.01, weight_decay=0.1, initial_accumulator_value=0.5, eps=1e-3)", "adagrad", {"lr": 0.1, "lr_decay": 0.01, "l2": 0.1, "initial_accumulator": 0.5, "eps": 1e-3}),
    Row("torch.optim.Adadelta(lr=0.5, rho=0.95, eps=1e-3, weight_decay=0.1)", "adadelta", {"lr": 0.5, "rho": 0.95, "eps": 1e-3, "l2": 0.1}),
    Row("torch.optim.RMSprop(alpha=0.9, eps=1e-4, weight_decay=0.1)", "rmsprop", {"beta": 0.9, "eps": 1e-4, "l2": 0.1}),
    Row("torch.optim.RMSprop(alpha=0.9, centered=True)", "rmsprop_torch", {"beta2": 0.9, "centered": 1}),
    Row("torch.optim.RMSprop(momentum=0.5, weight_decay=0.1)", "rmsprop_torch", {"beta1": 0.5, "l2": 0.1}),
    Row(f"torch.optim.Adam({_BETAS}, weight_decay=0.1)", "adam", {**_ADAM, "l2": 0.1}),
    Row(f"torch.optim.Adam({_BETAS}, amsgrad=True, weight_decay=0.1)", "amsgrad_torch", {**_ADAM, "l2": 0.1}),
    Row(f"torch.optim.Adamax({_BETAS}, weight_decay=0.1)", "adamax", {**_ADAM, "l2": 0.1}),
    Row(f"torch.optim.NAdam({_BETAS}, momentum_decay=0.1, weight_decay=0.1)", "nadam", {**_ADAM, "momentum_decay": 0.1, "l2": 0.1}),
    Row(f"torch.optim.RAdam({_BETAS}, weight_decay=0.1)", "radam", {**_ADAM, "l2": 0.1}),
    Row("torch.optim.RAdam(betas=(0.9, 0.6))", "radam", {"beta2": 0.6}),
    Row(f"torch.optim.AdamW({_BETAS}, weight_decay=0.3)", "adamw", {**_ADAM, "weight_decay": 0.3}),
    Row("torch.optim.Muon(lr=0.02, weight_decay=0.0)", "muon", {}, shapes=SQUARE_AND_WIDE, without={"tiny": "torch bounds the average's norm below by 1e-7, the rule the velocity's, 20 times longer"}),
    Row("torch.optim.Muon(lr=0.1, momentum=0.8)", "muon_torch", {"lr": 0.1, "beta": 0.8}, shapes=MATRICES),
    # optax
    Row("optax.chain(optax.scale_by_learning_rate(lr), optax.trace(0.9))", "polyak_momentum"),
    Row("optax.chain(optax.scale_by_learning_rate(lr), optax.trace(0.9, nesterov=True))", "nesterov_keras"),
    Row("optax.chain(optax.ema(0.9, debias=False), optax.scale_by_learning_rate(lr))", "damped_momentum"),
    Row("optax.chain(optax.trace(0.9), optax.add_decayed_weights(0.3), optax.scale_by_learning_rate(lr))", "sgdw", {"weight_decay": 0.3}),
    Row("optax.chain(optax.scale_by_learning_rate(lr), optax.scale(0.1), optax.trace(0.9), optax.add_decayed_weights(lambda k: -0.02 * lr(k)))", "sgdw_paper", {"lr": 0.1, "weight_decay": 0.02}, rate="multiplier"),
    Row("optax.chain(optax.scale_by_adam(), optax.scale(0.05), optax.add_decayed_weights(0.02), optax.scale_by_learning_rate(lr))", "adamw_paper", {"lr": 0.05, "weight_decay": 0.02}, rate="multiplier"),
    Row("optax.chain(optax.add_decayed_weights(0.1), optax.sgd(lr, momentum=0.9))", "momentum", {"l2": 0.1}),
    Row("optax.chain(optax.clip_by_global_norm(0.5), optax.adam(lr))", "adam", {"clip_norm": 0.5}),
    Row("optax.adagrad(lr, initial_accumulator_value=0.0, eps=1e-3)", "adagrad_optax", {"initial_accumulator": 0, "eps": 1e-3}),
    Row("optax.adadelta(lr, rho=0.95, eps=1e-3, weight_decay=0.1)", "adadelta", {"rho": 0.95, "eps": 1e-3, "l2": 0.1}),
    Row("optax.rmsprop(lr, decay=0.99, centered=True, eps_in_sqrt=False)", "rmsprop_centered"),
    Row("optax.rmsprop(lr, decay=0.8, momentum=0.5)", "rmsprop_optax", {"beta2": 0.8, "beta1": 0.5}),
    Row(f"optax.amsgrad(lr, {_B1B2})", "amsgrad_optax", _ADAM),
    Row(f"optax.amsgrad(lr, {_B1B2}, bias_correction_mu=False, bias_correction_nu=False)", "amsgrad", _ADAM),
    Row(f"optax.nadam(lr, {_B1B2})", "nadam_optax", _ADAM),
    Row(f"optax.radam(lr, {_B1B2}, threshold=4.0)", "radam_optax", {**_ADAM, "threshold": 4}),
    Row(f"optax.adamw(lr, {_B1B2}, weight_decay=0.3)", "adamw", {**_ADAM, "weight_decay": 0.3}),
    Row("optax.lars(lr, weight_decay=0.1, trust_coefficient=0.01, eps=1e-3, momentum=0.5)", "lars_optax", {"weight_decay": 0.1, "trust": 0.01, "eps": 1e-3, "beta": 0.5}),
    Row("optax.lamb(lr, weight_decay=0.01)", "lamb"),
    Row(f"optax.lamb(lr, {_B1B2}, weight_decay=0.3)", "lamb", {**_ADAM, "weight_decay": 0.3}),
    Row("optax.lion(lr, b1=0.8, b2=0.95, weight_decay=0.3)", "lion", {"beta1": 0.8, "beta2": 0.95, "weight_decay": 0.3}),
    Row("optax.contrib.muon(lr, eps=0.0, weight_decay=0.1)", "muon_optax", {"weight_decay": 0.1}, shapes=MATRICES, without={"tiny": "with eps = 0 optax has no lower bound of the norm", "zero": "with eps = 0 optax divides 0 by 0", "sparse": "a layer's gradient can be all zero"}),
    # recorded
    Row("keras.optimizers.SGD(learning_rate=0.1, momentum=0.5)", "polyak_momentum", {"lr": 0.1, "beta": 0.5}),
    Row("keras.optimizers.RMSprop(rho=0.8, momentum=0.5)", "rmsprop_keras", {"beta2": 0.8, "beta1": 0.5}),
    Row("keras.optimizers.AdamW(learning_rate=0.1, weight_decay=0.3)", "adamw_keras", {"lr": 0.1, "weight_decay": 0.3}),
    Row("keras.optimizers.Lamb(learning_rate=0.1, weight_decay=0.3)", "lamb_keras", {"lr": 0.1, "weight_decay": 0.3}),
    Row("keras.optimizers.Lion(weight_decay=0.3)", "lion_keras", {"weight_decay": 0.3}),
    Row("timm.optim.Lars(lr=0.1, momentum=0.9, weight_decay=0.1)", "lars_timm", {"lr": 0.1, "beta": 0.9, "weight_decay": 0.1}),
    Row("timm.optim.Lamb(lr=0.1, weight_decay=0.3, max_grad_norm=None)", "lamb_timm", {"lr": 0.1, "weight_decay": 0.3}),
    Row("timm.optim.Lamb(weight_decay=0.0)", "lamb_timm", {"weight_decay": 0, "clip_norm": 1.0}),
    Row("timm.optim.SGDW(lr=0.1, momentum=0.9, weight_decay=0.1)", "sgdw", {"lr": 0.1, "weight_decay": 0.1}),
    Row("pytorch_optimizer.LARS(lr=0.5, weight_decay=0.1)", "lars_pytorch_optimizer", {"lr": 0.5, "weight_decay": 0.1}, shapes=((2, 3), (3, 2))),
    Row("pytorch_optimizer.LARS(lr=0.5, weight_decay=0.1)", "lars", {"lr": 0.5, "weight_decay": 0.1}, shapes=((2, 3), (3, 2)), without={
        "schedule": "the paper has lr inside the velocity, the library outside",
        "tiny": "the start is zero: the library's factor is 1 there, the rule's is trust",
    }),
    Row("pytorch_optimizer.Lamb(lr=0.1, weight_decay=0.3)", "lamb_pytorch_optimizer", {"lr": 0.1, "weight_decay": 0.3}),
]
# fmt: on

ROWS = DEFAULTS + VARIANTS

# Rules without a row, and why.
WITHOUT_ORACLE = {
    "nesterov": "no library takes the gradient ahead; test_rules proves it equal to nesterov_torch",
}
