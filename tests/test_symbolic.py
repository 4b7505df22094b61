"""Derivations: closed forms of the papers come out of the rules themselves."""

import numpy as np
import pytest
import sympy as sp

from optlib import rules, symbolic
from optlib.rules import adam, gradient_descent, momentum

eta, lam, beta = (symbolic.symbol(s) for s in ("lr", "curvature", "beta"))
b1, b2 = symbolic.symbol("beta1"), symbolic.symbol("beta2")
t = symbolic.T


def test_gradient_descent_contracts_by_one_minus_eta_lambda():
    theta, _ = symbolic.unroll(gradient_descent, 5, g=lambda x: lam * x)
    assert sp.expand(theta - (1 - eta * lam) ** 5 * sp.Symbol(r"\theta_0", real=True)) == 0


def test_momentum_eigenvalues_have_modulus_root_beta_where_complex():
    matrix = symbolic.iteration_matrix(momentum)
    assert sp.expand(matrix.det() - beta) == 0
    assert sp.expand(matrix.trace() - (1 + beta - eta * lam)) == 0


def test_both_momentum_forms_have_the_same_eigenvalues():
    z = sp.Symbol("z")
    a, b = (symbolic.iteration_matrix(rules.get(n)) for n in ("momentum", "polyak_momentum"))
    assert sp.expand(a.charpoly(z).as_expr() - b.charpoly(z).as_expr()) == 0


def test_adam_is_not_a_fixed_linear_map():
    with pytest.raises(ValueError, match="not a fixed linear map"):
        symbolic.iteration_matrix(adam)


def test_moments_of_adam():
    assert sp.simplify(symbolic.expectation(adam, "m") - (1 - b1**t)) == 0
    assert sp.simplify(symbolic.expectation(adam, "v", power=2) - (1 - b2**t)) == 0
    with pytest.raises(ValueError, match="not linear"):
        symbolic.expectation(adam, "v", power=1)


def test_weights_of_the_moving_average_fade_geometrically():
    found = symbolic.weights(adam, "v", 4, power=2)
    assert [sp.simplify(w - (1 - b2) * b2 ** (3 - k)) for k, w in enumerate(found)] == [0] * 4


def test_bias_table_is_exact():
    rows = {row[0]: row[1:] for row in symbolic.bias_table(adam, (1, 2, 12, 100, 1000))}
    assert rows[1] == (sp.Rational(1, 10), sp.Rational(1, 1000), sp.sqrt(10))
    assert rows[2][0] == sp.Rational(19, 100)
    assert float(rows[12][2]) == pytest.approx(6.5685203, abs=1e-7)
    assert rows[100][1] == 1 - sp.Rational(999, 1000) ** 100
    assert rows[sp.oo] == (1, 1, 1)


def test_bias_table_agrees_with_a_run_of_the_rule():
    theta, m, v = 0.0, 0.0, 0.0
    for step in range(1, 13):
        theta, m, v = adam(theta, 1.0, m, v, t=step)
    row = symbolic.bias_table(adam, (12,))[0]
    np.testing.assert_allclose([m, v], [float(row[1]), float(row[2])], rtol=1e-12)


def test_lines_say_what_the_rule_says():
    lines = dict(symbolic.lines(momentum))
    g, u = sp.Symbol("g_t", real=True), sp.Symbol("u_{t-1}", real=True)
    assert lines["u"] == beta * u + g
    assert lines["theta"] == sp.Symbol(r"\theta_{t-1}", real=True) - eta * sp.Symbol(
        "u_t", real=True
    )


def test_unknown_names_are_named():
    with pytest.raises(TypeError, match="no hyperparameter lr2"):
        symbolic.lines(adam, lr2=1)
    with pytest.raises(ValueError, match="no state 'q'"):
        symbolic.weights(adam, "q", 2)


def test_stability_limits():
    assert symbolic.stability_limit(gradient_descent) == 2
    assert sp.simplify(symbolic.stability_limit(momentum) - (2 + 2 * beta)) == 0


def test_a_spectral_radius_is_what_a_long_run_shows():
    radius = symbolic.spectral_radius(momentum, 1, lr=1, beta=sp.Rational(81, 100))
    assert radius == pytest.approx(0.9)


def test_optimal_rates_are_those_of_cauchy_and_polyak():
    mu, top = symbolic.symbol("mu"), symbolic.symbol("L")
    best, rate = symbolic.optimum(gradient_descent)
    assert sp.simplify(best["lr"] - 2 / (mu + top)) == 0
    assert sp.simplify(rate - (top - mu) / (top + mu)) == 0
    best, rate = symbolic.optimum(momentum)
    roots = sp.sqrt(top) + sp.sqrt(mu)
    assert sp.simplify(best["lr"] - (2 / roots) ** 2) == 0
    assert sp.simplify(rate - (sp.sqrt(top) - sp.sqrt(mu)) / roots) == 0
    assert sp.simplify(best["beta"] - rate**2) == 0
    numbers = {mu: 1, top: 100}
    for curvature in (1, 100):
        found = symbolic.spectral_radius(
            momentum, curvature, **{k: v.subs(numbers) for k, v in best.items()}
        )
        assert found == pytest.approx(9 / 11)


@pytest.mark.parametrize("name", ["nesterov", "nesterov_torch", "adam"])
def test_a_rule_without_a_known_optimum_is_told(name):
    with pytest.raises(ValueError, match=f"no closed optimum is known here for {name}"):
        symbolic.optimum(name)


def test_first_steps():
    g1 = sp.Symbol("g_1", real=True)
    assert sp.simplify(symbolic.first_step(adam, eps=0) + eta * sp.sign(g1)).subs(g1, -3) == 0
    assert symbolic.first_step(momentum) == -eta * g1


def test_identities_and_differences():
    assert symbolic.difference(momentum, "polyak_momentum", 4) == 0
    decay = symbolic.symbol("weight_decay")
    assert symbolic.difference(gradient_descent, (gradient_descent, {"l2": decay}), 1) != 0


def test_stability_limits_of_look_ahead_and_average():
    assert sp.simplify(symbolic.stability_limit("nesterov") - (2 + 2 * beta) / (1 + 2 * beta)) == 0
    limit = symbolic.stability_limit("damped_momentum")
    assert sp.simplify(limit - 2 * (1 + beta) / (1 - beta)) == 0
    assert limit.subs(beta, sp.Rational(9, 10)) == 38


def test_coupled_and_decoupled_decay_agree_without_momentum_only():
    decay = symbolic.symbol("weight_decay")
    plain = symbolic.difference(
        (gradient_descent, {"l2": decay}), ("sgdw", {"beta": 0, "weight_decay": decay}), 2
    )
    assert plain == 0
    assert symbolic.difference((momentum, {"l2": decay}), ("sgdw", {"weight_decay": decay}), 2) != 0


def test_adamw_without_decay_is_adam():
    assert symbolic.difference("adamw", adam, 2, weight_decay=0) == 0


def test_stationary_covariance_of_an_average_and_of_momentum():
    b, h = sp.symbols("b h", positive=True)
    found = symbolic.stationary_covariance(sp.Matrix([[b]]), sp.Matrix([1 - b]))
    assert sp.simplify(found[0] - (1 - b) / (1 + b)) == 0
    # Heavy ball on curvature h, gradient noise of variance 1: Chapter 3's stationary variance.
    matrix = symbolic.iteration_matrix("momentum", h)
    found = symbolic.stationary_covariance(matrix, sp.Matrix([-eta, 1]))[0, 0]
    known = eta * (1 + beta) / (h * (1 - beta) * (2 * (1 + beta) - eta * h))
    assert sp.simplify(found - known) == 0


def test_a_map_that_does_not_settle_has_no_stationary_covariance():
    with pytest.raises(ValueError, match="no single stationary covariance"):
        symbolic.stationary_covariance(sp.eye(1), sp.Matrix([1]))


def test_bias_table_of_other_averages():
    rows = symbolic.bias_table("adamw", (1, 12))
    assert rows[0][3] == sp.sqrt(10)
