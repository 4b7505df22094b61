"""Any rule as a torch.optim.Optimizer.

    optimizer = TorchRule(model.parameters(), "adam", lr=1e-3)

is used like any optimizer of torch: parameter groups, ``state_dict``, ``torch.optim.lr_scheduler``.
``compile=True`` turns the same rule into one fused pass over memory.
"""

import functools

import torch

from .rule import _all_finite, _warn_if_decay_overshoots, by_name, check_hyper, now

# What a parameter group may hold beside hyperparameters: its name, and a scheduler's base rate.
_TORCH_KEYS = {"params", "name", "initial_lr"}


class TorchRule(torch.optim.Optimizer):
    """A rule applied to torch parameters, in place.

    params : tensors, (name, tensor) pairs, or parameter groups: dicts with "params" and any
        hyperparameters of their own.
    rule : a rule or its name. One that looks ahead is refused: torch takes the gradient at the
        parameters themselves, so use the reformulated rule that the message names.
    l2 : penalty strength; l2 * theta is added to the gradient.
    check : test gradients and new parameters for nan and infinity (one more pass over the
        gradient). compile : one fused pass with torch.compile, which needs a C++ compiler; the
        first step takes seconds. It writes in place, so only the gradients are tested. eps = 0 is
        still computed by the uncompiled rule, since a 0/0 has to be seen before it is written.
    hyper : hyperparameters of the rule: numbers, or schedules of t = 1, 2, ..., the number of
        steps the parameter has taken.

    Errors: TypeError and ValueError for unknown or impossible hyperparameters. In ``step``:
    ValueError for a gradient that is not finite, and for 0/0 through eps = 0; FloatingPointError
    when a new parameter would not be finite. All are raised before any parameter or state has
    changed.

    torch's OneCycleLR and CyclicLR look for torch's own names of momentum: pass them
    ``cycle_momentum=False``, and a schedule for beta if it is to cycle.
    A state dict with schedules in it is a pickle: ``torch.load(..., weights_only=False)``.

    >>> w = torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    >>> optimizer = TorchRule([w], "gradient_descent", lr=0.5)
    >>> (w**2).sum().backward()
    >>> optimizer.step()
    >>> w.tolist()
    [0.0, 0.0]
    """

    def __init__(self, params, rule, *, l2=0, check=True, compile=False, **hyper):
        self.rule, self.check = by_name(rule), check
        if self.rule.at is not None:
            raise ValueError(
                f"{self.rule.name} takes its gradient ahead of the parameters, torch takes it at "
                f"the parameters: use {_reformulated(self.rule)}"
            )
        self._compiled = _compile(self.rule) if compile else None
        super().__init__(params, {**self.rule.check(hyper), "l2": check_hyper("l2", l2)})

    def __getstate__(self):
        own = {"rule": self.rule, "check": self.check, "compiled": self._compiled is not None}
        return {**super().__getstate__(), "own": own}

    def __setstate__(self, state):
        own = state.pop("own", None)
        super().__setstate__(state)
        if own is not None:  # load_state_dict comes by here too, without it
            self.rule, self.check = own["rule"], own["check"]
            self._compiled = _compile(self.rule) if own["compiled"] else None

    def add_param_group(self, param_group):
        """Add parameters with their own hyperparameters, checked like the others."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, got {type(param_group).__name__}")
        own = {k: v for k, v in param_group.items() if k not in _TORCH_KEYS and k != "l2"}
        checked = self.rule.check(own)
        param_group = {**param_group, **{k: checked[k] for k in own}}
        if "l2" in param_group:
            param_group["l2"] = check_hyper("l2", param_group["l2"])
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        for p in group["params"]:
            if not p.is_floating_point():
                self.param_groups.pop()
                raise TypeError(f"params must be real floating-point tensors, got {p.dtype}")
        _warn_if_decay_overshoots(group)

    def state_dict(self):
        """State of every parameter and the groups, as torch has it, and the rule's name."""
        return {**super().state_dict(), "rule": self.rule.name}

    def load_state_dict(self, state_dict):
        """Take back what :meth:`state_dict` gave; ValueError if it belongs to another rule."""
        name = state_dict.get("rule", self.rule.name)
        if name != self.rule.name:
            raise ValueError(f"the state belongs to {name}, this optimizer is {self.rule.name}")
        super().load_state_dict({k: state_dict[k] for k in ("state", "param_groups")})

    @torch.no_grad()
    def step(self, closure=None):
        """One step for every parameter that has a gradient -> the closure's loss, or None."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        todo = [(group, p) for group in self.param_groups for p in group["params"]]
        todo = [(group, p) for group, p in todo if p.grad is not None]
        for i, (_, p) in enumerate(todo):
            self._check_gradient(i, p)
        pending, values = [], {}
        for group, p in todo:
            t = self.state[p]["step"] + 1 if self.state[p] else 1
            key = (id(group), t)
            if key not in values:
                values[key] = self._values(group, t)
            l2, hyper = values[key]
            if self._compiled is not None and not _is_zero(hyper.get("eps", 1)):
                self._step_compiled(p, t, l2, hyper)
            else:
                pending.append((p, t, *self._step_eager(p, t, l2, hyper)))
        for p, t, new, states in pending:
            p.copy_(new)
            self.state[p].update(zip(self.rule.state, states), step=t)
        return loss

    def _values(self, group, t):
        """The group's hyperparameters at step t, checked again: a scheduler may have set them."""
        found = now({k: group[k] for k in (*self.rule.hyper, "l2")}, t)
        found = {k: check_hyper(k, _number(k, v)) for k, v in found.items()}
        return found.pop("l2"), found

    def _states(self, p):
        """The parameter's state arrays; before its first step, the rule's start."""
        saved = self.state[p]
        return tuple(saved[k] for k in self.rule.state) if saved else self.rule.init(p)

    def _step_eager(self, p, t, l2, hyper):
        g = p.grad if _is_zero(l2) else p.grad + l2 * p
        new, states = self.rule.step(p, g, self._states(p), t, hyper)
        if _is_zero(hyper.get("eps", 1)) and bool(new.isnan().any()):
            raise ValueError(
                f"eps must be positive here, got 0: step {t} of {self.rule.name} divided 0 by 0, "
                "since a coordinate's gradient has been exactly zero; nothing was changed"
            )
        if self.check and not _all_finite(new):
            raise FloatingPointError(
                f"step {t} of {self.rule.name} would make a parameter of shape {tuple(p.shape)} "
                "nan or infinite; nothing was changed. Lower lr or clip the gradient."
            )
        # A rule that keeps the gradient itself must not see the next backward pass write into it.
        return new, tuple(s.clone() if s is p.grad or s is p else s for s in states)

    def _check_gradient(self, i, p):
        if p.grad.is_sparse:
            raise ValueError(f"the gradient of parameter {i} is sparse; use dense gradients")
        if self.check and not _all_finite(p.grad):
            raise ValueError(
                f"the gradient of parameter {i}, of shape {tuple(p.shape)}, holds nan or inf; "
                "nothing was changed (check=False lets it through)"
            )

    def _step_compiled(self, p, t, l2, hyper):
        """The same step by the compiled rule, straight into the parameter and its state."""
        states = self._states(p)
        self._compiled([p.detach(), p.grad, *states], t, hyper | {"l2": l2})
        self.state[p].update(zip(self.rule.state, states), step=t)

    def __repr__(self):
        return super().__repr__().replace("TorchRule", f"TorchRule {self.rule.name}", 1)


def _reformulated(rule):
    """The name of the same method with its gradient taken at the parameters."""
    from . import rules

    name = f"{rule.name}_torch"
    return name if name in rules.ALL else "a rule without look-ahead"


def _number(name, value):
    """A tensor or array that holds one number, as that number (torch allows ``lr`` as a tensor)."""
    if isinstance(value, (bool, int, float)):
        return value
    if getattr(value, "size", 0) == 1 or getattr(value, "numel", lambda: 0)() == 1:
        return value.item()
    raise ValueError(f"{name} must be one number for each parameter group, got {value!r}")


def _is_zero(value):
    return isinstance(value, (int, float)) and value == 0


class _Fused:
    """A rule as one compiled pass that reads and writes each array once.

    The rule is traced, and the trace split in two. What depends on t and the hyperparameters alone
    is a handful of scalars, computed in float64 outside the loop: inside, beta**t would cost a
    power for every element. What is left is compiled.
    """

    def __init__(self, rule):
        self.rule, self.parts, self.flat, self.latest = rule, {}, True, (None, ())

    def __call__(self, arrays, t, hyper):
        """One step from arrays (theta, g, *state), written into theta and the state."""
        # Laid flat, layers of all shapes share one compiled pass. A rule for matrices refuses.
        flat = self.flat and all(a.is_contiguous() for a in arrays)
        views = [a.view(-1) for a in arrays] if flat else arrays
        scalars = {"t": t} | {k: v for k, v in hyper.items() if _is_traced(v)}
        constants = {k: v for k, v in hyper.items() if k not in scalars}
        theta = arrays[0]
        key = (theta.dtype, theta.device, flat or theta.shape, *scalars, *constants.items())
        if key not in self.parts:
            try:
                self.parts[key] = self._trace(views, tuple(scalars), constants)
            except ValueError:
                if not flat:
                    raise
                self.flat = False
                return self(arrays, t, hyper)
        outside, inside = self.parts[key]
        # The layers of a group share their scalars: keep the last ones.
        if self.latest[0] != (key, *scalars.values()):
            values = outside(
                *(torch.tensor(float(v), dtype=torch.float64) for v in scalars.values())
            )
            values = [v.to(theta.dtype) if v.is_floating_point() else v for v in values]
            self.latest = (key, *scalars.values()), values
        try:
            inside(*views, *self.latest[1])
        except RuntimeError as error:
            if "C++ compiler" in str(error):
                raise RuntimeError(
                    "compile=True needs a C++ compiler (g++ or clang++), none was found; "
                    "install one or leave compile=False"
                ) from error
            raise

    def _trace(self, arrays, names, constants):
        from torch.fx.experimental.proxy_tensor import make_fx

        count = len(arrays)

        def step(*inputs):
            (theta, g, *states), values = inputs[:count], inputs[count:]
            hyper = dict(zip(names, values)) | constants
            t, l2 = hyper.pop("t"), hyper.pop("l2")
            slope = g if _is_zero(l2) else g + l2 * theta
            new, new_states = self.rule.step(theta, slope, states, t, hyper)
            for old, fresh in zip((theta, *states), _unaliased((new, *new_states), inputs)):
                old.copy_(fresh)

        examples = [torch.ones_like(a) for a in arrays]
        examples += [torch.tensor(0.5, dtype=torch.float64) for _ in names]
        return _split(make_fx(step)(*examples), count)


def _is_traced(value):
    """Numbers other than 0 and the switches True and False: those choose the code itself."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value != 0


def _unaliased(outputs, inputs):
    """Outputs that are themselves inputs, copied: an input may be overwritten before it is read."""
    return [o.clone() if any(o is i for i in inputs) else o for o in outputs]


def _split(traced, arrays):
    """(outside, inside): the part of a trace that only sees scalars, and the rest, compiled.

    outside(*scalars) -> list of scalars; inside(*arrays, *those) writes into the arrays.
    """
    nodes = list(traced.graph.nodes)
    inputs = [n for n in nodes if n.op == "placeholder"]
    heavy = set(inputs[:arrays])
    for node in nodes:
        if any(i in heavy for i in node.all_input_nodes):
            heavy.add(node)
    crossing = [
        n
        for n in nodes
        if n not in heavy and n.op != "output" and any(user in heavy for user in n.users)
    ]
    outside, inside, moved, kept = torch.fx.Graph(), torch.fx.Graph(), {}, {}
    for node in inputs[arrays:]:
        moved[node] = outside.node_copy(node)
    for node in nodes:
        if node not in heavy and node.op not in ("placeholder", "output"):
            moved[node] = outside.node_copy(node, moved.__getitem__)
    outside.output([moved[n] for n in crossing])
    for node in (*inputs[:arrays], *crossing):
        kept[node] = inside.placeholder(node.name)
    for node in nodes:
        if node in heavy and node.op not in ("placeholder", "output"):
            kept[node] = inside.node_copy(node, kept.__getitem__)
    inside.output(())
    modules = [torch.fx.GraphModule(traced, graph) for graph in (outside, inside)]
    return modules[0], torch.compile(modules[1], dynamic=True)


# One for each rule, so that optimizers of the same rule share what has been compiled.
_compile = functools.cache(_Fused)
