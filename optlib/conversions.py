"""One library's optimizer and settings, said in another's words, or the reason why it cannot be.

An optimizer of a library or paper is a :class:`Dialect`: a rule of this book, the names and
defaults of its arguments, and how its settings are read into, and written from, what its family has
in common (a step size, a memory, the place of eps, ...). So a table with one entry an optimizer
holds every conversion inside a family. Its expressions are arithmetic that Python and JavaScript
read alike: the live figure runs the very same table.

Where no settings of the other side give the same path for all gradients, :func:`convert` says why.
"""

import ast
import difflib
import functools
import re
from dataclasses import dataclass, field

import numpy as np

from .rule import Optimizer, by_name

# What the members of a family have in common; what a dialect does not mention is 0.
# inside: 1 if lr stands in the velocity. decay: decoupled, times lr, as torch has it; l2: into g.
# place: 1 if eps stands under the root. hat: 1 if it stands beside the uncorrected root.
FAMILIES = {
    "SGD with momentum": ("lr", "beta", "damping", "inside", "l2", "decay"),
    "Nesterov": ("lr", "beta", "inside", "ahead", "l2"),
    "AdaGrad": ("lr", "initial_accumulator", "eps", "place", "l2"),
    "AdaDelta": ("lr", "rho", "eps", "l2"),
    "RMSProp": ("lr", "beta1", "beta2", "eps", "place", "centered", "inside", "l2"),
    "Adam": ("lr", "beta1", "beta2", "eps", "hat", "l2", "decay"),
    "AMSGrad": ("lr", "beta1", "beta2", "eps", "hat", "form"),
    "AdaMax": ("lr", "beta1", "beta2", "eps", "place"),
    "NAdam": ("lr", "beta1", "beta2", "eps", "momentum_decay", "l2"),
    "RAdam": ("lr", "beta1", "beta2", "eps", "hat", "l2"),
    "LARS": ("lr", "beta", "decay", "trust", "eps", "inside", "joint", "adapt"),
    "LAMB": ("lr", "beta1", "beta2", "eps", "decay", "clip_norm", "apart", "adapt", "last"),
    "Lion": ("lr", "beta1", "beta2", "decay"),
}  # fmt: skip

LIBRARIES = ("torch", "optax", "keras", "timm", "pytorch_optimizer", "papers")


@dataclass(frozen=True)
class Dialect:
    """One optimizer of a library or paper.

    name : as in a menu. text : the call, {argument} for a value, [argument|words] for words that
    stand there only if the argument is not 0, [!argument|words] if it is. arguments : the library's
    defaults under the names of ``rule``, with l2 and clip_norm for the Optimizer. read : what the
    family has in common, from the arguments. write : an argument, from what is common; both are
    expressions, and an argument of the same name needs none. needs : (condition, reason) pairs on
    what is common. notes : (condition, words). rate : the argument that a schedule multiplies.
    """

    name: str
    family: str
    library: str
    rule: str
    text: str
    arguments: dict
    read: dict = field(default_factory=dict)
    write: dict = field(default_factory=dict)
    needs: tuple = ()
    notes: tuple = ()
    rate: str = "lr"


@dataclass(frozen=True)
class Conversion:
    """What :func:`convert` found: ``values`` of the target's arguments, or None and ``reasons``."""

    target: str
    values: dict | None
    reasons: tuple = ()
    notes: tuple = ()

    @property
    def call(self):
        """The target's call as text; None where there is no conversion."""
        return None if self.values is None else write_call(self.target, self.values)


# ------------------------------------------------------------------------------ reasons

OUTSIDE_NOW = (
    "inside * changes * (beta > 0) == 0",
    "η stands outside the velocity here and inside it there. After a change of η this one obeys at "
    "once, that one only as the old velocity fades: no constant settings make them equal.",
)
INSIDE_NOW = (
    "(1 - inside) * changes * (beta > 0) == 0",
    "η stands inside the velocity here and outside it there. After a change of η this one obeys "
    "only as the old velocity fades: no constant settings make them equal.",
)
SAME_WHILE = (
    "inside * (beta > 0)",
    "Equal while η is constant: it moves from inside the velocity to outside.",
)
SAME_WHILE_INSIDE = (
    "(1 - inside) * (beta > 0)",
    "Equal while η is constant: it moves from outside the velocity to inside.",
)
NO_DAMPING = (
    "damping == 0",
    "torch damps every gradient but the first. Elsewhere all gradients of a run have one weight.",
)
NO_L2 = (
    "l2 == 0",
    "No argument here adds λθ to the gradient. The penalty can go into the loss instead.",
)
NO_DECAY = (
    "decay == 0",
    "The decay there acts beside the gradient's averages; λθ added to the gradient passes through "
    "them. They agree only without decay.",
)
NOT_COUPLED = (
    "l2 == 0",
    "λθ is part of the gradient there and passes through its averages; the decay here acts beside "
    "them. They agree only without decay.",
)
EPS_OUTSIDE = (
    "eps * place == 0",
    "ε stands under the root there and beside it here: √(v + ε) and √v + ε' differ by an amount "
    "that changes with v. One number for all gradients does not exist, unless ε = 0.",
)
EPS_INSIDE = (
    "eps * (1 - place) == 0",
    "ε stands beside the root there and under it here: √v + ε and √(v + ε') differ by an amount "
    "that changes with v. One number for all gradients does not exist, unless ε = 0.",
)
NO_HAT = (
    "eps * hat * (beta2 > 0) == 0",
    "ε there stands beside the uncorrected root. Here it would have to be ε/√(1 − β₂ᵗ), another "
    "number at every step: none exists, unless ε = 0.",
)
ONLY_HAT = (
    "eps * (1 - hat) * (beta2 > 0) == 0",
    "ε here stands beside the uncorrected root. It would have to be ε·√(1 − β₂ᵗ), another number "
    "at every step: none exists, unless ε = 0.",
)
BEFORE_MAXIMUM = (
    "eps * place == 0",
    "ε is added after the maximum there, before it here: the maxima that β₂ fades carry it "
    "along in one and not in the other. They agree only at ε = 0.",
)
AFTER_MAXIMUM = (
    "eps * (1 - place) == 0",
    "ε is added before the maximum there, after it here: the maxima that β₂ fades carry it "
    "along in one and not in the other. They agree only at ε = 0.",
)
_AMSGRAD = (
    "the largest raw v, corrected afterwards",
    "the largest corrected v",
    "no correction at all",
)


def _form(k):
    others = "; ".join(words for i, words in enumerate(_AMSGRAD) if i != k)
    return (
        f"form == {k}",
        f"Here: {_AMSGRAD[k]}. There one of: {others}. The maxima differ, and so do the paths.",
    )


NOT_JOINT = (
    "joint * (decay > 0) == 0",
    "optax divides by ‖g + λθ‖, this one by ‖g‖ + λ‖θ‖. Their quotient changes with the angle "
    "between g and θ: they agree only without decay.",
)
JOINT = (
    "(1 - joint) * (decay > 0) == 0",
    "optax divides by ‖g + λθ‖, that one by ‖g‖ + λ‖θ‖. Their quotient changes with the angle "
    "between g and θ: they agree only without decay.",
)
ADAPTS = (
    "adapt == 1",
    "timm leaves a layer without decay unscaled; here every layer is scaled.",
)
ADAPTS_BY_DECAY = (
    "adapt == (decay > 0)",
    "timm leaves a layer without decay unscaled, unless always_adapt=True, which this table does "
    "not hold.",
)
NO_EPS = ("eps == 0", "There is no ε in the quotient here.")
NOT_APART = (
    "apart * (decay > 0) == 0",
    "keras shrinks the weights first and leaves the decay out of the quotient; here it is inside. "
    "They agree only without decay.",
)
APART = (
    "(1 - apart) * (decay > 0) == 0",
    "keras shrinks the weights first and leaves the decay out of the quotient; there it is inside. "
    "They agree only without decay.",
)
NOT_LAST = (
    "last == 0",
    "pytorch_optimizer corrects m after the quotient, which multiplies early steps by 1/(1 − β₁ᵗ), "
    "and counts norms only up to a limit. Elsewhere the correction stands inside.",
)
LAST = (
    "last == 1",
    "pytorch_optimizer corrects m after the quotient, which multiplies early steps by 1/(1 − β₁ᵗ), "
    "and counts norms only up to a limit. Elsewhere the correction stands inside.",
)
UNCLIPPED = (
    "clip_norm == 0",
    "timm first scales the gradients of all layers together down to the given norm. That is no "
    "part of this call: clip before it.",
)
ZERO_NORM = ("1", "For layers whose weights and gradient are not 0; at 0 the libraries differ.")
AHEAD = (
    "ahead * (beta > 0) == 0",
    "The same run, seen at another point: here the stored weights are the point that is looked "
    "ahead to. Equal settings, but read θ − ηβu of that run.",
)
NOT_AHEAD = (
    "(1 - ahead) * (beta > 0) == 0",
    "The same run, seen at another point: there the stored weights are the point that is looked "
    "ahead to. Equal settings, but the gradient must be taken at θ − ηβu.",
)
NOT_SHRUNK = (
    "decay == 0",
    "This call, as the table has it, does not shrink weights apart from the gradient.",
)
COUPLED_SGD = (
    "decay * (beta > 0) == 0",
    "The decay there acts beside the velocity; λθ added to the gradient passes through it. They "
    "agree only without momentum or without decay.",
)
DECOUPLED_SGD = (
    "l2 * (beta > 0) == 0",
    "λθ is part of the gradient there and passes through the velocity; the decay here acts beside "
    "it. They agree only without momentum or without decay.",
)

# ------------------------------------------------------------------------------ the table

_MOMENTUM = {"lr": 0.01, "beta": 0.9}
_BETAS = {"beta1": 0.9, "beta2": 0.999}
_ADAM = {"lr": 1e-3, **_BETAS, "eps": 1e-8}
# torch wants two floats here, not an integer 0.
_TORCH_BETAS = "betas=([beta1|{beta1}][!beta1|0.0], [beta2|{beta2}][!beta2|0.0])"
_KERAS = "learning_rate={lr}, beta_1={beta1}, beta_2={beta2}"
_OPTAX_L2 = "[l2|optax.chain(optax.add_decayed_weights({l2}), ]"
_L2_AND_PLAIN = {"l2": "l2 + decay * (beta == 0)"}
_OPTAX_RMS = (
    "optax.rmsprop(learning_rate={lr}, decay={beta2}, eps={eps}"
    "[centered|, centered=True][beta1|, momentum={beta1}]"
)
_RMS = {"lr": 0.01, "beta1": 0, "beta2": 0.99, "eps": 1e-8, "centered": 0}
_RMS_CHANGES = tuple(c.replace("beta ", "beta1 ") for c in (OUTSIDE_NOW[0], INSIDE_NOW[0]))
_RMS_OUTSIDE = (_RMS_CHANGES[0], OUTSIDE_NOW[1])
_RMS_INSIDE = (_RMS_CHANGES[1], INSIDE_NOW[1])
_RMS_WHILE = ("inside * (beta1 > 0)", SAME_WHILE[1])
_RMS_WHILE_INSIDE = ("(1 - inside) * (beta1 > 0)", SAME_WHILE_INSIDE[1])
_DECAY = {"weight_decay": "decay"}
_READ_DECAY = {"decay": "weight_decay"}

_TABLE = (
    Dialect(
        "torch.optim.SGD", "SGD with momentum", "torch", "sgd_torch",
        "torch.optim.SGD(params, lr={lr}, momentum={beta}[damping|, dampening={damping}]"
        "[l2|, weight_decay={l2}])",
        {**_MOMENTUM, "lr": 1e-3, "damping": 0, "l2": 0},
        read={"damping": "damping * (beta > 0)"}, write=_L2_AND_PLAIN,
        needs=(OUTSIDE_NOW, COUPLED_SGD), notes=(SAME_WHILE,),
    ),
    Dialect(
        "optax.sgd", "SGD with momentum", "optax", "momentum",
        _OPTAX_L2 + "optax.sgd(learning_rate={lr}, momentum={beta})[l2|)]",
        {**_MOMENTUM, "l2": 0}, write=_L2_AND_PLAIN,
        needs=(NO_DAMPING, OUTSIDE_NOW, COUPLED_SGD), notes=(SAME_WHILE,),
    ),
    Dialect(
        "optax.trace, η inside", "SGD with momentum", "optax", "polyak_momentum",
        "optax.chain([l2|optax.add_decayed_weights({l2}), ]optax.scale_by_learning_rate({lr}), "
        "optax.trace({beta}))",
        {**_MOMENTUM, "l2": 0}, read={"inside": "1"}, write=_L2_AND_PLAIN,
        needs=(NO_DAMPING, INSIDE_NOW, COUPLED_SGD), notes=(SAME_WHILE_INSIDE,),
    ),
    Dialect(
        "optax.ema", "SGD with momentum", "optax", "damped_momentum",
        "optax.chain([l2|optax.add_decayed_weights({l2}), ]optax.ema({beta}, debias=False), "
        "optax.scale_by_learning_rate({lr}))",
        {"lr": 0.1, "beta": 0.9, "l2": 0},
        read={"lr": "lr * (1 - beta)"}, write={"lr": "lr / (1 - beta)", **_L2_AND_PLAIN},
        needs=(NO_DAMPING, OUTSIDE_NOW, COUPLED_SGD), notes=(SAME_WHILE,),
    ),
    Dialect(
        "keras.optimizers.SGD", "SGD with momentum", "keras", "polyak_momentum",
        "keras.optimizers.SGD(learning_rate={lr}, momentum={beta})",
        _MOMENTUM, read={"inside": "1"},
        needs=(NO_DAMPING, INSIDE_NOW, NO_L2, NOT_SHRUNK), notes=(SAME_WHILE_INSIDE,),
    ),
    Dialect(
        "timm.optim.SGDW", "SGD with momentum", "timm", "sgdw",
        "timm.optim.SGDW(params, lr={lr}, momentum={beta}, weight_decay={weight_decay})",
        {**_MOMENTUM, "lr": 1e-3, "weight_decay": 0}, read=_READ_DECAY,
        write={"weight_decay": "decay + l2 * (beta == 0)"},
        needs=(NO_DAMPING, OUTSIDE_NOW, DECOUPLED_SGD), notes=(SAME_WHILE,),
    ),
    Dialect(
        "Polyak 1964", "SGD with momentum", "papers", "polyak_momentum",
        "α = {lr}, β = {beta}",
        _MOMENTUM, read={"inside": "1"},
        needs=(NO_DAMPING, INSIDE_NOW, NO_L2, NOT_SHRUNK), notes=(SAME_WHILE_INSIDE,),
    ),
    Dialect(
        "SGDW, Algorithm 1", "SGD with momentum", "papers", "sgdw_paper",
        "α = {lr}, β₁ = {beta}, λ = {weight_decay}",
        {**_MOMENTUM, "weight_decay": 1e-4},
        read={"decay": "weight_decay / lr", "inside": "1"},
        write={"weight_decay": "(decay + l2 * (beta == 0)) * lr"},
        needs=(NO_DAMPING, INSIDE_NOW, DECOUPLED_SGD), notes=(SAME_WHILE_INSIDE,),
        rate="multiplier",
    ),
    Dialect(
        "torch.optim.SGD, nesterov", "Nesterov", "torch", "nesterov_torch",
        "torch.optim.SGD(params, lr={lr}[beta|, momentum={beta}, nesterov=True]"
        "[l2|, weight_decay={l2}])",
        {**_MOMENTUM, "lr": 1e-3, "l2": 0}, needs=(AHEAD, OUTSIDE_NOW), notes=(SAME_WHILE,),
    ),
    Dialect(
        "optax.sgd, nesterov", "Nesterov", "optax", "nesterov_torch",
        _OPTAX_L2 + "optax.sgd(learning_rate={lr}, momentum={beta}, nesterov=True)[l2|)]",
        {**_MOMENTUM, "l2": 0}, needs=(AHEAD, OUTSIDE_NOW), notes=(SAME_WHILE,),
    ),
    Dialect(
        "optax.trace, nesterov, η inside", "Nesterov", "optax", "nesterov_keras",
        "optax.chain([l2|optax.add_decayed_weights({l2}), ]optax.scale_by_learning_rate({lr}), "
        "optax.trace({beta}, nesterov=True))",
        {**_MOMENTUM, "l2": 0}, read={"inside": "1"}, needs=(AHEAD, INSIDE_NOW),
        notes=(SAME_WHILE_INSIDE,),
    ),
    Dialect(
        "keras.optimizers.SGD, nesterov", "Nesterov", "keras", "nesterov_keras",
        "keras.optimizers.SGD(learning_rate={lr}, momentum={beta}, nesterov=True)",
        _MOMENTUM, read={"inside": "1"}, needs=(AHEAD, INSIDE_NOW, NO_L2),
        notes=(SAME_WHILE_INSIDE,),
    ),
    Dialect(
        "Nesterov, gradient ahead", "Nesterov", "papers", "nesterov",
        "η = {lr}, β = {beta}",
        _MOMENTUM, read={"ahead": "1"}, needs=(NOT_AHEAD, OUTSIDE_NOW, NO_L2),
    ),
    Dialect(
        "torch.optim.Adagrad", "AdaGrad", "torch", "adagrad",
        "torch.optim.Adagrad(params, lr={lr}, "
        "[initial_accumulator|initial_accumulator_value={initial_accumulator}, ]eps={eps}"
        "[l2|, weight_decay={l2}])",
        {"lr": 0.01, "initial_accumulator": 0, "eps": 1e-10, "l2": 0},
        write={
            "initial_accumulator": "initial_accumulator + eps * place",
            "eps": "eps * (1 - place)",
        },
        notes=(("eps * place", "Under the root ε and the first sum are one number."),),
    ),
    Dialect(
        "optax.adagrad", "AdaGrad", "optax", "adagrad_optax",
        _OPTAX_L2 + "optax.adagrad(learning_rate={lr}, "
        "initial_accumulator_value={initial_accumulator}, eps={eps})[l2|)]",
        {"lr": 0.01, "initial_accumulator": 0.1, "eps": 1e-7, "l2": 0},
        read={"place": "1"}, needs=(EPS_INSIDE,),
    ),
    Dialect(
        "keras.optimizers.Adagrad", "AdaGrad", "keras", "adagrad_keras",
        "keras.optimizers.Adagrad(learning_rate={lr}, "
        "initial_accumulator_value={initial_accumulator}, epsilon={eps})",
        {"lr": 1e-3, "initial_accumulator": 0.1, "eps": 1e-7},
        read={"place": "1"}, needs=(EPS_INSIDE, NO_L2),
    ),
    Dialect(
        "torch.optim.Adadelta", "AdaDelta", "torch", "adadelta",
        "torch.optim.Adadelta(params, lr={lr}, rho={rho}, eps={eps}[l2|, weight_decay={l2}])",
        {"lr": 1.0, "rho": 0.9, "eps": 1e-6, "l2": 0},
    ),
    Dialect(
        "optax.adadelta", "AdaDelta", "optax", "adadelta",
        "optax.adadelta(learning_rate={lr}, rho={rho}, eps={eps}[l2|, weight_decay={l2}])",
        {"lr": 1.0, "rho": 0.9, "eps": 1e-6, "l2": 0},
    ),
    Dialect(
        "keras.optimizers.Adadelta", "AdaDelta", "keras", "adadelta",
        "keras.optimizers.Adadelta(learning_rate={lr}, rho={rho}, epsilon={eps})",
        {"lr": 1e-3, "rho": 0.95, "eps": 1e-7}, needs=(NO_L2,),
    ),
    Dialect(
        "torch.optim.RMSprop", "RMSProp", "torch", "rmsprop_torch",
        "torch.optim.RMSprop(params, lr={lr}, alpha={beta2}, eps={eps}[beta1|, momentum={beta1}]"
        "[centered|, centered=True][l2|, weight_decay={l2}])",
        {**_RMS, "l2": 0}, needs=(EPS_OUTSIDE, _RMS_OUTSIDE), notes=(_RMS_WHILE,),
    ),
    Dialect(
        "optax.rmsprop", "RMSProp", "optax", "rmsprop_optax",
        _OPTAX_L2 + _OPTAX_RMS + ")[l2|)]",
        {**_RMS, "lr": 1e-3, "beta2": 0.9, "l2": 0}, read={"place": "1", "inside": "1"},
        needs=(EPS_INSIDE, _RMS_INSIDE), notes=(_RMS_WHILE_INSIDE,),
    ),
    Dialect(
        "optax.rmsprop, ε outside", "RMSProp", "optax", "rmsprop_torch",
        "optax.chain([l2|optax.add_decayed_weights({l2}), ][centered|optax.scale_by_stddev(]"
        "[!centered|optax.scale_by_rms(]decay={beta2}, eps={eps}, eps_in_sqrt=False), "
        "[beta1|optax.trace({beta1}), ]optax.scale_by_learning_rate({lr}))",
        {**_RMS, "lr": 1e-3, "beta2": 0.9, "l2": 0}, needs=(EPS_OUTSIDE, _RMS_OUTSIDE),
        notes=(_RMS_WHILE,),
    ),
    Dialect(
        "keras.optimizers.RMSprop", "RMSProp", "keras", "rmsprop_keras",
        "keras.optimizers.RMSprop(learning_rate={lr}, rho={beta2}, epsilon={eps}"
        "[beta1|, momentum={beta1}][centered|, centered=True])",
        {**_RMS, "lr": 1e-3, "beta2": 0.9, "eps": 1e-7}, read={"place": "1", "inside": "1"},
        needs=(EPS_INSIDE, _RMS_INSIDE, NO_L2), notes=(_RMS_WHILE_INSIDE,),
    ),
    Dialect(
        "torch.optim.Adam", "Adam", "torch", "adam",
        f"torch.optim.Adam(params, lr={{lr}}, {_TORCH_BETAS}, eps={{eps}}"
        "[l2|, weight_decay={l2}])",
        {**_ADAM, "l2": 0}, needs=(NO_HAT, NO_DECAY),
    ),
    Dialect(
        "torch.optim.AdamW", "Adam", "torch", "adamw",
        f"torch.optim.AdamW(params, lr={{lr}}, {_TORCH_BETAS}, eps={{eps}}, "
        "weight_decay={weight_decay})",
        {**_ADAM, "weight_decay": 0.01}, read=_READ_DECAY, write=_DECAY,
        needs=(NO_HAT, NOT_COUPLED),
    ),
    Dialect(
        "optax.adam", "Adam", "optax", "adam",
        _OPTAX_L2 + "optax.adam(learning_rate={lr}, b1={beta1}, b2={beta2}, eps={eps})[l2|)]",
        {**_ADAM, "l2": 0}, needs=(NO_HAT, NO_DECAY),
    ),
    Dialect(
        "optax.adamw", "Adam", "optax", "adamw",
        "optax.adamw(learning_rate={lr}, b1={beta1}, b2={beta2}, eps={eps}, "
        "weight_decay={weight_decay})",
        {**_ADAM, "weight_decay": 1e-4}, read=_READ_DECAY, write=_DECAY,
        needs=(NO_HAT, NOT_COUPLED),
    ),
    Dialect(
        "keras.optimizers.Adam", "Adam", "keras", "adam_keras",
        f"keras.optimizers.Adam({_KERAS}, epsilon={{eps}})",
        {**_ADAM, "eps": 1e-7}, read={"hat": "1"}, needs=(ONLY_HAT, NO_L2, NOT_SHRUNK),
    ),
    Dialect(
        "keras.optimizers.AdamW", "Adam", "keras", "adamw_keras",
        f"keras.optimizers.AdamW({_KERAS}, epsilon={{eps}}, weight_decay={{weight_decay}})",
        {**_ADAM, "eps": 1e-7, "weight_decay": 4e-3}, read={"hat": "1", **_READ_DECAY},
        write=_DECAY, needs=(ONLY_HAT, NOT_COUPLED),
    ),
    Dialect(
        "Adam, Algorithm 1", "Adam", "papers", "adam",
        "α = {lr}, β₁ = {beta1}, β₂ = {beta2}, ε = {eps}",
        _ADAM, needs=(NO_HAT, NO_L2, NOT_SHRUNK),
    ),
    Dialect(
        "AdamW, Algorithm 2", "Adam", "papers", "adamw_paper",
        "α = {lr}, β₁ = {beta1}, β₂ = {beta2}, ε = {eps}, λ = {weight_decay}",
        {**_ADAM, "weight_decay": 1e-5},
        read={"decay": "weight_decay / lr"}, write={"weight_decay": "decay * lr"},
        needs=(NO_HAT, NOT_COUPLED),
        notes=(("decay > 0", "The paper's λ is not multiplied by α: λ = α times the other's."),),
        rate="multiplier",
    ),
    Dialect(
        "torch.optim.Adam, amsgrad", "AMSGrad", "torch", "amsgrad_torch",
        f"torch.optim.Adam(params, lr={{lr}}, {_TORCH_BETAS}, eps={{eps}}, amsgrad=True)",
        _ADAM, needs=(NO_HAT, _form(0)),
    ),
    Dialect(
        "optax.amsgrad", "AMSGrad", "optax", "amsgrad_optax",
        "optax.amsgrad(learning_rate={lr}, b1={beta1}, b2={beta2}, eps={eps})",
        _ADAM, read={"form": "1"}, needs=(NO_HAT, _form(1)),
    ),
    Dialect(
        "optax.amsgrad, uncorrected", "AMSGrad", "optax", "amsgrad",
        "optax.amsgrad(learning_rate={lr}, b1={beta1}, b2={beta2}, eps={eps}, "
        "bias_correction_mu=False, bias_correction_nu=False)",
        _ADAM, read={"form": "2"}, needs=(NO_HAT, _form(2)),
    ),
    Dialect(
        "keras.optimizers.Adam, amsgrad", "AMSGrad", "keras", "amsgrad_keras",
        f"keras.optimizers.Adam({_KERAS}, epsilon={{eps}}, amsgrad=True)",
        {**_ADAM, "eps": 1e-7}, read={"hat": "1"}, needs=(ONLY_HAT, _form(0)),
    ),
    Dialect(
        "AMSGrad, Algorithm 2", "AMSGrad", "papers", "amsgrad",
        "α = {lr}, β₁ = {beta1}, β₂ = {beta2}[eps|, and ε = {eps} beside the root]",
        {**_ADAM, "eps": 0}, read={"form": "2"}, needs=(NO_HAT, _form(2)),
        notes=(("eps > 0", "The paper has no ε; the authors of libraries add one."),),
    ),
    Dialect(
        "torch.optim.Adamax", "AdaMax", "torch", "adamax",
        f"torch.optim.Adamax(params, lr={{lr}}, {_TORCH_BETAS}, eps={{eps}})",
        {**_ADAM, "lr": 2e-3}, needs=(BEFORE_MAXIMUM,),
    ),
    Dialect(
        "optax.adamax", "AdaMax", "optax", "adamax",
        "optax.adamax(learning_rate={lr}, b1={beta1}, b2={beta2}, eps={eps})",
        {**_ADAM, "lr": 2e-3}, needs=(BEFORE_MAXIMUM,),
    ),
    Dialect(
        "keras.optimizers.Adamax", "AdaMax", "keras", "adamax_keras",
        f"keras.optimizers.Adamax({_KERAS}, epsilon={{eps}})",
        {**_ADAM, "eps": 1e-7}, read={"place": "1"}, needs=(AFTER_MAXIMUM,),
    ),
    Dialect(
        "torch.optim.NAdam", "NAdam", "torch", "nadam",
        f"torch.optim.NAdam(params, lr={{lr}}, {_TORCH_BETAS}, eps={{eps}}, "
        "momentum_decay={momentum_decay}[l2|, weight_decay={l2}])",
        {**_ADAM, "lr": 2e-3, "momentum_decay": 4e-3, "l2": 0},
    ),
    Dialect(
        "optax.nadam", "NAdam", "optax", "nadam_optax",
        _OPTAX_L2 + "optax.nadam(learning_rate={lr}, b1={beta1}, b2={beta2}, eps={eps})[l2|)]",
        {**_ADAM, "l2": 0}, read={"momentum_decay": "10000"},
        needs=((
            "(momentum_decay < 1000) * (beta1 > 0) == 0",
            "optax keeps the momentum constant; there it warms up from half of β₁. They agree only "
            "when the warm-up is over before the first step (ψ of a thousand or more).",
        ),),
    ),
    Dialect(
        "keras.optimizers.Nadam", "NAdam", "keras", "nadam_keras",
        f"keras.optimizers.Nadam({_KERAS}, epsilon={{eps}})",
        {**_ADAM, "eps": 1e-7}, read={"momentum_decay": "1"},
        needs=(NO_L2, (
            "(momentum_decay != 1) * (beta1 > 0) == 0",
            "keras has the momentum's warm-up built in at ψ = 1, with no argument to change it.",
        )),
    ),
    Dialect(
        "torch.optim.RAdam", "RAdam", "torch", "radam",
        f"torch.optim.RAdam(params, lr={{lr}}, {_TORCH_BETAS}, eps={{eps}}"
        "[l2|, weight_decay={l2}])",
        {**_ADAM, "l2": 0}, read={"hat": "1"}, needs=(ONLY_HAT,),
    ),
    Dialect(
        "optax.radam", "RAdam", "optax", "radam_optax",
        _OPTAX_L2 + "optax.radam(learning_rate={lr}, b1={beta1}, b2={beta2}, eps={eps})[l2|)]",
        {**_ADAM, "l2": 0}, needs=(NO_HAT,),
    ),
    Dialect(
        "LARS, Algorithm 1", "LARS", "papers", "lars",
        "γ = {lr}, m = {beta}, β = {weight_decay}, η = {trust}",
        {"lr": 1.0, "beta": 0.9, "weight_decay": 0, "trust": 1e-3},
        read={**_READ_DECAY, "inside": "1", "adapt": "1"}, write=_DECAY,
        needs=(INSIDE_NOW, NOT_JOINT, ADAPTS, NO_EPS), notes=(SAME_WHILE_INSIDE, ZERO_NORM),
    ),
    Dialect(
        "timm.optim.Lars", "LARS", "timm", "lars_timm",
        "timm.optim.Lars(params, lr={lr}, momentum={beta}, weight_decay={weight_decay}, "
        "trust_coeff={trust}, eps={eps})",
        {"lr": 1.0, "beta": 0, "weight_decay": 0, "trust": 1e-3, "eps": 1e-8},
        read={**_READ_DECAY, "adapt": "weight_decay > 0"}, write=_DECAY,
        needs=(OUTSIDE_NOW, NOT_JOINT, ADAPTS_BY_DECAY), notes=(SAME_WHILE, ZERO_NORM),
    ),
    Dialect(
        "optax.lars", "LARS", "optax", "lars_optax",
        "optax.lars(learning_rate={lr}, momentum={beta}, weight_decay={weight_decay}, "
        "trust_coefficient={trust}, eps={eps})",
        {"lr": 1.0, "beta": 0.9, "weight_decay": 0, "trust": 1e-3, "eps": 0},
        read={**_READ_DECAY, "inside": "1", "joint": "1", "adapt": "1"}, write=_DECAY,
        needs=(INSIDE_NOW, JOINT, ADAPTS), notes=(SAME_WHILE_INSIDE, ZERO_NORM),
    ),
    Dialect(
        "pytorch_optimizer.LARS", "LARS", "pytorch_optimizer", "lars_pytorch_optimizer",
        "pytorch_optimizer.LARS(params, lr={lr}, momentum={beta}, weight_decay={weight_decay}, "
        "trust_coefficient={trust})",
        {"lr": 1e-3, "beta": 0.9, "weight_decay": 0, "trust": 1e-3},
        read={**_READ_DECAY, "adapt": "1"}, write=_DECAY,
        needs=(OUTSIDE_NOW, NOT_JOINT, ADAPTS, NO_EPS),
        notes=(SAME_WHILE, ZERO_NORM, ("1", "Its vectors, such as biases, follow plain momentum.")),
    ),
    Dialect(
        "LAMB, Algorithm 2", "LAMB", "papers", "lamb",
        "η = {lr}, β₁ = {beta1}, β₂ = {beta2}, ε = {eps}, λ = {weight_decay}, φ(z) = z",
        {**_ADAM, "eps": 1e-6, "weight_decay": 0.01}, read={**_READ_DECAY, "adapt": "1"},
        write=_DECAY, needs=(UNCLIPPED, NOT_APART, ADAPTS, NOT_LAST), notes=(ZERO_NORM,),
    ),
    Dialect(
        "optax.lamb", "LAMB", "optax", "lamb_optax",
        "[clip_norm|optax.chain(optax.clip_by_global_norm({clip_norm}), ]"
        "optax.lamb(learning_rate={lr}, b1={beta1}, b2={beta2}, eps={eps}, "
        "weight_decay={weight_decay})[clip_norm|)]",
        {**_ADAM, "eps": 1e-6, "weight_decay": 0, "clip_norm": 0},
        read={**_READ_DECAY, "adapt": "1"}, write=_DECAY, needs=(NOT_APART, ADAPTS, NOT_LAST),
        notes=(ZERO_NORM,),
    ),
    Dialect(
        "timm.optim.Lamb", "LAMB", "timm", "lamb_timm",
        f"timm.optim.Lamb(params, lr={{lr}}, {_TORCH_BETAS}, eps={{eps}}, "
        "weight_decay={weight_decay}, max_grad_norm=[clip_norm|{clip_norm}][!clip_norm|None])",
        {**_ADAM, "eps": 1e-6, "weight_decay": 0.01, "clip_norm": 1.0},
        read={**_READ_DECAY, "adapt": "weight_decay > 0"}, write=_DECAY,
        needs=(NOT_APART, ADAPTS_BY_DECAY, NOT_LAST), notes=(ZERO_NORM,),
    ),
    Dialect(
        "keras.optimizers.Lamb", "LAMB", "keras", "lamb_keras",
        f"keras.optimizers.Lamb({_KERAS}, epsilon={{eps}}, weight_decay={{weight_decay}})",
        {**_ADAM, "eps": 1e-7, "weight_decay": 0}, read={**_READ_DECAY, "apart": "1", "adapt": "1"},
        write=_DECAY, needs=(UNCLIPPED, APART, ADAPTS, NOT_LAST), notes=(ZERO_NORM,),
    ),
    Dialect(
        "pytorch_optimizer.Lamb", "LAMB", "pytorch_optimizer", "lamb_pytorch_optimizer",
        f"pytorch_optimizer.Lamb(params, lr={{lr}}, {_TORCH_BETAS}, eps={{eps}}, "
        "weight_decay={weight_decay})",
        {**_ADAM, "eps": 1e-6, "weight_decay": 0},
        read={**_READ_DECAY, "apart": "1", "adapt": "1", "last": "1"}, write=_DECAY,
        needs=(UNCLIPPED, APART, ADAPTS, LAST),
    ),
    Dialect(
        "optax.lion", "Lion", "optax", "lion",
        "optax.lion(learning_rate={lr}, b1={beta1}, b2={beta2}, weight_decay={weight_decay})",
        {"lr": 1e-4, "beta1": 0.9, "beta2": 0.99, "weight_decay": 1e-3},
        read=_READ_DECAY, write=_DECAY,
    ),
    Dialect(
        "keras.optimizers.Lion", "Lion", "keras", "lion_keras",
        f"keras.optimizers.Lion({_KERAS}, weight_decay={{weight_decay}})",
        {"lr": 1e-3, "beta1": 0.9, "beta2": 0.99, "weight_decay": 0},
        read=_READ_DECAY, write=_DECAY,
    ),
)  # fmt: skip

DIALECTS = {d.name: d for d in _TABLE}

# ------------------------------------------------------------------------------ converting


def get(name):
    """The dialect of this name; ValueError with the nearest names if there is none."""
    if isinstance(name, Dialect):
        return name
    if name not in DIALECTS:
        near = difflib.get_close_matches(str(name), DIALECTS, n=3)
        raise ValueError(
            f"there is no optimizer named {name!r}; allowed: {', '.join(near or DIALECTS)}"
        )
    return DIALECTS[name]


@functools.cache
def names_in(expression):
    """The names an expression uses, in order."""
    nodes = ast.walk(ast.parse(expression, mode="eval"))
    return tuple(sorted({n.id for n in nodes if isinstance(n, ast.Name)}))


@functools.cache
def _compiled(expression):
    return compile(expression, "<conversion>", "eval")


def _value(expression, names):
    return eval(_compiled(expression), {"__builtins__": {}}, names)


def reading(dialect):
    """{what is common: expression} for every quantity of the dialect's family."""
    own = {q: q if q in dialect.arguments else "0" for q in FAMILIES[dialect.family]}
    return {**own, **dialect.read}


def writing(dialect):
    """{argument: expression} for every argument of the dialect."""
    return {**{name: name for name in dialect.arguments}, **dialect.write}


def settings(dialect, values=None):
    """All arguments of a dialect, its defaults filled in, checked as those of its rule.

    TypeError for an unknown argument, ValueError for a value that is not allowed.
    """
    dialect = get(dialect)
    values = dict(values or {})
    unknown = [name for name in values if name not in dialect.arguments]
    if unknown:
        raise TypeError(
            f"{dialect.name} has no argument {unknown[0]!r} here; "
            f"it takes {', '.join(dialect.arguments)}"
        )
    full = {**dialect.arguments, **values}
    Optimizer(dialect.rule, 0.0, **_for_optimizer(full))
    if full["lr"] == 0 and any("/ lr" in e for e in dialect.read.values()):
        raise ValueError(f"lr of {dialect.name} must be a number in (0, infinity), got 0")
    return full


def _for_optimizer(values):
    """The keywords of an Optimizer; there clip_norm is None where nothing is clipped."""
    clipped = {"clip_norm": values["clip_norm"] or None} if "clip_norm" in values else {}
    return {**values, **clipped}


def convert(source, target, values=None, *, changes=False):
    """Settings of ``target`` that follow the same path as ``source`` with ``values``.

    source, target : names in DIALECTS, of one family. values : what differs from the source's
    defaults, under the names of its rule (lr, beta1, eps, ...). changes : whether the step size
    changes on the way. -> :class:`Conversion`

    >>> convert("torch.optim.AdamW", "AdamW, Algorithm 2").call
    'α = 0.001, β₁ = 0.9, β₂ = 0.999, ε = 1e-8, λ = 1e-5'
    >>> convert("torch.optim.Adam", "keras.optimizers.Adam").reasons[0][:50]
    'ε here stands beside the uncorrected root. It woul'
    """
    source, target = get(source), get(target)
    if source.family != target.family:
        raise ValueError(
            f"target is {target.name!r}, a {target.family}; {source.name} is a {source.family}"
        )
    full = settings(source, values)
    if source is target:
        return Conversion(target.name, full)
    common = {q: _value(e, full) for q, e in reading(source).items()}
    common["changes"] = int(changes)
    reasons = tuple(why for condition, why in target.needs if not _value(condition, common))
    if reasons:
        return Conversion(target.name, None, reasons)
    written = {name: _value(e, common) for name, e in writing(target).items()}
    notes = tuple(words for condition, words in target.notes if _value(condition, common))
    return Conversion(target.name, written, (), notes)


def into(source, library, values=None, *, changes=False):
    """The conversions into every optimizer of a library that is of the source's family."""
    if library not in LIBRARIES:
        raise ValueError(f"library is {library!r}; allowed: {', '.join(LIBRARIES)}")
    source = get(source)
    found = [d for d in _TABLE if d.library == library and d.family == source.family]
    return [convert(source, d, values, changes=changes) for d in found]


def copied(source, target, values=None):
    """The source's numbers under the target's names, unconverted: what a hasty reader would do.

    A decay goes into a decay, of whichever kind. What the source has no word for keeps the target's
    default, but for a decay, a damping or a clip, which stay out.
    """
    source, target = get(source), get(target)
    full = settings(source, values)
    decay = full.get("weight_decay", full.get("l2", 0))
    named = {"clip_norm": 0, "damping": 0, **full, "weight_decay": decay, "l2": decay}
    return {name: named.get(name, usual) for name, usual in target.arguments.items()}


# ------------------------------------------------------------------------------ text and runs


def number(value):
    """A number as it stands in a call: twelve digits at most, no needless zeros.

    >>> number(1e-8), number(0.1 / (1 - 0.9)), number(10000.0)
    ('1e-8', '1', '10000')
    """
    value = float(f"{value:.12g}")
    if value != 0 and (abs(value) < 1e-4 or abs(value) >= 1e6):
        mantissa, exponent = f"{value:.11e}".split("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return f"{value:.12f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"


_OPTION = re.compile(r"\[(!?)(\w+)\|([^\]]*)\]")


def write_call(name, values):
    """The call of an optimizer with these values, as one would type it."""
    dialect = get(name)

    def chosen(match):
        return match[3] if (values[match[2]] == 0) == bool(match[1]) else ""

    text = _OPTION.sub(chosen, dialect.text)
    return re.sub(r"\{(\w+)\}", lambda m: number(values[m[1]]), text)


def path(name, values, start, slope, noise, rates=None):
    """Parameters of a run in closed loop, (steps + 1, *shape): gradients slope * theta + noise[k].

    start : array. slope : number or array of its shape. noise : (steps, *shape).
    rates : (steps,), multiplies the step size; None leaves it constant.
    """
    dialect = get(name)
    hyper = _for_optimizer(settings(dialect, values))
    if rates is not None:
        usual = hyper.get(dialect.rate, by_name(dialect.rule).hyper[dialect.rate])
        hyper[dialect.rate] = lambda t: usual * rates[t - 1]
    optimizer, theta = Optimizer(dialect.rule, start, **hyper), start
    places = [theta]
    for bump in noise:
        here = optimizer.point(theta)
        theta = optimizer.step(theta, slope * here + bump, at_point=optimizer.rule.at is not None)
        places.append(theta)
    return np.array(places)
