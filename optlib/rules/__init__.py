"""Every rule of the book, each written once. To add one: write it in a file here, add its line."""

from ..rule import by_name as get
from ..rule import register
from . import conventions
from .adagrad import adadelta, adagrad
from .adam import adam
from .adam_family import adamax, amsgrad, nadam, radam
from .adamw import adamw, sgdw
from .after_adamw import lion, muon
from .conventions import (
    adagrad_keras,
    adagrad_optax,
    adam_keras,
    adamax_keras,
    adamw_keras,
    adamw_paper,
    amsgrad_keras,
    amsgrad_optax,
    amsgrad_torch,
    lamb_keras,
    lamb_optax,
    lamb_pytorch_optimizer,
    lamb_timm,
    lars_optax,
    lars_pytorch_optimizer,
    lars_timm,
    lion_keras,
    muon_keras,
    muon_optax,
    muon_torch,
    nadam_keras,
    nadam_optax,
    nesterov_keras,
    radam_optax,
    rmsprop_keras,
    rmsprop_optax,
    rmsprop_torch,
    sgd_torch,
    sgdw_paper,
)
from .gradient_descent import gradient_descent
from .lars_lamb import lamb, lars
from .momentum import damped_momentum, momentum, polyak_momentum
from .nesterov import nesterov, nesterov_torch
from .rmsprop import rmsprop, rmsprop_centered, rmsprop_momentum

# The rules of the chapters, in the order they appear.
CORE = (
    gradient_descent,
    momentum,
    polyak_momentum,
    damped_momentum,
    nesterov,
    nesterov_torch,
    adagrad,
    adadelta,
    rmsprop,
    rmsprop_centered,
    rmsprop_momentum,
    adam,
    amsgrad,
    adamax,
    nadam,
    radam,
    adamw,
    sgdw,
    lars,
    lamb,
    lion,
    muon,
)

# What libraries and papers write otherwise.
CONVENTIONS = (
    sgd_torch,
    nesterov_keras,
    adagrad_optax,
    adagrad_keras,
    rmsprop_torch,
    rmsprop_optax,
    rmsprop_keras,
    adam_keras,
    amsgrad_torch,
    amsgrad_optax,
    amsgrad_keras,
    adamax_keras,
    nadam_keras,
    nadam_optax,
    radam_optax,
    adamw_keras,
    adamw_paper,
    sgdw_paper,
    lars_timm,
    lars_optax,
    lars_pytorch_optimizer,
    lamb_optax,
    lamb_timm,
    lamb_pytorch_optimizer,
    lamb_keras,
    lion_keras,
    muon_torch,
    muon_optax,
    muon_keras,
)

ALL = register(*CORE, *CONVENTIONS)

# Rules for matrices only (2-D parameters): no JavaScript, no sweep, no SymPy.
_MATRICES = (
    "2-D only: the step is made of products of whole matrices, which the JavaScript of one "
    "coordinate at a time, a sweep's arrays of runs and SymPy's scalars have no form for"
)
MATRIX_ONLY = {r.name: _MATRICES for r in (muon, muon_torch, muon_optax, muon_keras)}

__all__ = [*ALL, "ALL", "CONVENTIONS", "CORE", "MATRIX_ONLY", "conventions", "get"]
