"""A rule's or schedule's source, read as a syntax tree and written as LaTeX or JavaScript.

The tree keeps the learner's names, line order and term order, which a computer algebra system
would not. Only the vocabulary of :mod:`optlib.ops` is known; anything else raises
:class:`UnknownSyntax` with the line, so that nothing is ever left out in silence.
"""

import ast
import inspect
import json
import re
import textwrap
from dataclasses import dataclass

from .rule import Rule

ELEMENTWISE = {
    "sqrt": 1,
    "abs": 1,
    "sign": 1,
    "exp": 1,
    "log": 1,
    "cos": 1,
    "floor": 1,
    "maximum": 2,
    "minimum": 2,
}
TO_SCALAR = {"norm": 1}
OTHER = {"ratio": 2, "where": 3, "passed": 2, "orthogonalize": 1, "rows": 1, "columns": 1}
MATRIX_WORDS = ("orthogonalize", "rows", "columns")
ARITY = {**ELEMENTWISE, **TO_SCALAR, **OTHER}
OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**"}
COMPARISONS = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}


class UnknownSyntax(SyntaxError):
    """Something in a rule or schedule that is not in the vocabulary."""


def code(thing):
    """The source of a rule, schedule or function without its docstring, to be shown in a page.

    >>> from optlib.rules import gradient_descent
    >>> print(code(gradient_descent))
    @rule
    def gradient_descent(theta, g, *, t, lr=1e-2):
        theta = theta - lr * g
        return theta
    """
    thing = getattr(thing, "schedule", thing)
    text = _source_lines(getattr(thing, "fn", thing))
    lines = text.splitlines()
    first = ast.parse(text).body[0].body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        del lines[first.lineno - 1 : first.end_lineno]
    return "\n".join(lines).rstrip()


@dataclass(frozen=True)
class Source:
    """The parsed body of a rule or schedule: assignments, then what is returned."""

    name: str
    arrays: tuple  # names with one value per coordinate: theta, g and the state
    hyper: tuple
    lines: tuple  # (name, expression) pairs
    returns: tuple  # expressions
    at: ast.Lambda | None = None
    given: tuple = ("t",)


def _source_lines(fn):
    try:
        return textwrap.dedent(inspect.getsource(fn))
    except (OSError, TypeError):
        raise OSError(
            f"the source of {fn.__name__} cannot be read, so it has no LaTeX and no JavaScript; "
            "it still runs. Define it in a file or in a plain notebook cell (not under %%time, "
            "exec or a here-document)."
        ) from None


def _refuse(node, name, what):
    line = getattr(node, "lineno", "?")
    raise UnknownSyntax(
        f"{name}, line {line}: {what} is not in the vocabulary of rules: assignments, one return, "
        f"+ - * / **, comparisons inside where, and {', '.join(sorted(ARITY))}"
    )


def parse(thing):
    """The :class:`Source` of a rule or schedule; UnknownSyntax for what cannot be translated."""
    tree = ast.parse(_source_lines(thing.fn)).body[0]
    if not isinstance(tree, ast.FunctionDef):
        raise UnknownSyntax(f"{thing.name} must be written with def, not as {type(tree).__name__}")
    is_rule = isinstance(thing, Rule)
    arrays = ("theta", "g", *thing.state) if is_rule else ()
    hyper = tuple(thing.hyper)
    known = {*arrays, *hyper, "t", "pi"}
    lines, returns = [], None
    for node in tree.body:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # the docstring
        if returns is not None:
            _refuse(node, thing.name, "a statement after return")
        if isinstance(node, ast.Assign):
            if len(node.targets) != 1 or not isinstance(node.targets[0], ast.Name):
                _refuse(node, thing.name, "an assignment to anything but one name")
            _check(node.value, thing.name, known)
            lines.append((node.targets[0].id, node.value))
            known.add(node.targets[0].id)
        elif isinstance(node, ast.Return):
            if node.value is None:
                _refuse(node, thing.name, "an empty return")
            values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            for value in values:
                _check(value, thing.name, known)
            returns = tuple(values)
        else:
            _refuse(node, thing.name, f"the statement {type(node).__name__}")
    if returns is None:
        _refuse(tree, thing.name, "a body without return")
    if is_rule:
        wanted = ["theta", *thing.state]
        if [getattr(r, "id", None) for r in returns] != wanted:
            raise UnknownSyntax(
                f"{thing.name} must end with: return {', '.join(wanted)} (the state in the order "
                "of the signature)"
            )
    at = _find_at(tree, thing) if is_rule and thing.at is not None else None
    return Source(thing.name, arrays, hyper, tuple(lines), returns, at)


def _find_at(tree, rule):
    for decorator in tree.decorator_list:
        for keyword in getattr(decorator, "keywords", ()):
            if keyword.arg == "at" and isinstance(keyword.value, ast.Lambda):
                names = [a.arg for a in (*keyword.value.args.args, *keyword.value.args.kwonlyargs)]
                _check(keyword.value.body, rule.name, {*names, "t"})
                return keyword.value
    raise UnknownSyntax(
        f"{rule.name}: write the point of the gradient as @rule(at=lambda theta, ...: ...)"
    )


def _check(node, name, known):
    """Raise for every expression outside the vocabulary, and for names that nothing defines."""
    if isinstance(node, ast.Constant):
        if type(node.value) not in (int, float):
            _refuse(node, name, f"the constant {node.value!r}")
    elif isinstance(node, ast.Name):
        if node.id not in known:
            _refuse(node, name, f"the name {node.id}")
    elif isinstance(node, ast.BinOp):
        if type(node.op) not in OPERATORS:
            _refuse(node, name, f"the operator {type(node.op).__name__}")
        _check(node.left, name, known)
        _check(node.right, name, known)
    elif isinstance(node, ast.UnaryOp):
        if not isinstance(node.op, ast.USub):
            _refuse(node, name, f"the operator {type(node.op).__name__}")
        _check(node.operand, name, known)
    elif isinstance(node, ast.Call):
        _check_call(node, name, known)
    else:
        _refuse(node, name, f"the expression {type(node).__name__}")


def _check_call(node, name, known):
    word = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
    if word in known:  # a schedule handed over as an argument
        if len(node.args) != 1 or node.keywords:
            _refuse(node, name, f"{word} with anything but one argument")
        _check(node.args[0], name, known)
        return
    if word not in ARITY:
        _refuse(node, name, f"the call {word}()")
    if node.keywords or len(node.args) != ARITY[word]:
        _refuse(node, name, f"{word} with anything but {ARITY[word]} positional arguments")
    args = node.args
    if word == "where":
        condition, *args = args
        if not isinstance(condition, ast.Compare) or len(condition.ops) != 1:
            _refuse(condition, name, "a condition other than one comparison")
        if type(condition.ops[0]) not in COMPARISONS:
            _refuse(condition, name, f"the comparison {type(condition.ops[0]).__name__}")
        args = [condition.left, condition.comparators[0], *args]
    for arg in args:
        _check(arg, name, known)


# ------------------------------------------------------------------------------------- LaTeX

LATEX_NAMES = {
    "theta": r"\theta",
    "lr": r"\eta",
    "beta": r"\beta",
    "beta1": r"\beta_1",
    "beta2": r"\beta_2",
    "rho": r"\rho",
    "eps": r"\epsilon",
    "weight_decay": r"\lambda",
    "l2": r"\lambda",
    "trust": r"\tau",
    "gamma": r"\gamma",
    "pi": r"\pi",
    "mu": r"\mu",
    "lr_min": r"\eta_{\min}",
    "lr_max": r"\eta_{\max}",
    "lambda": r"\lambda",
    "kappa": r"\kappa",
    "sigma": r"\sigma",
    "alpha": r"\alpha",
    "delta": r"\Delta",
    "mu_next": r"\mu'",
    "rho_inf": r"\rho_\infty",
    "initial_accumulator": "s_0",
    "lr_decay": r"\delta",
    "momentum_decay": r"\psi",
    "clip": "c",
}


def latex_name(name):
    """The symbol of a name: Greek, hats and indices as in the book, else upright text."""
    if name in LATEX_NAMES:
        return LATEX_NAMES[name]
    if len(name) == 1:
        return name
    for suffix, accent in (("_hat", r"\hat"), ("_bar", r"\bar"), ("_max", None), ("_min", None)):
        if name.endswith(suffix):
            base = latex_name(name[: -len(suffix)])
            return rf"{accent}{{{base}}}" if accent else rf"{base}^{{\{suffix[1:]}}}"
    match = re.fullmatch(r"([a-z]+)_?(\d+)", name)
    if match:
        return rf"{latex_name(match[1])}_{{{match[2]}}}"
    return r"\mathrm{" + name.replace("_", r"\_") + "}"


def _indexed(symbol, index):
    """A symbol with a time index; one that carries an index already is wrapped."""
    return (
        rf"{{{symbol}}}_{{{index}}}" if "_" in symbol or "^" in symbol else rf"{symbol}_{{{index}}}"
    )


class _Latex:
    """Expressions as LaTeX. Binding strength: 0 sum, 1 product, 2 power base."""

    def __init__(self, source):
        self.old = {"theta", *source.arrays[2:]}  # carry the index t-1 until assigned
        self.new = {"g"} & set(source.arrays)
        self.plain = set(source.hyper) | {"t", "pi"}

    def name(self, name):
        symbol = latex_name(name)
        if name in self.new:
            return _indexed(symbol, "t")
        if name in self.old:
            return _indexed(symbol, "t-1")
        return symbol

    def assign(self, name, node):
        right = self(node)
        self.new.add(name)
        return self.name(name), right

    def __call__(self, node, strength=0):
        if isinstance(node, ast.Constant):
            return _latex_number(node.value)
        if isinstance(node, ast.Name):
            return self.name(node.id)
        if isinstance(node, ast.Call):
            return self.call(node)
        if isinstance(node, ast.UnaryOp):
            text, own = f"-{self(node.operand, 1)}", 0
        elif isinstance(node.op, ast.Pow):
            return f"{self.base(node.left)}^{{{self(node.right)}}}"
        elif isinstance(node.op, ast.Div):
            text, own = rf"\frac{{{self(node.left)}}}{{{self(node.right)}}}", 2
        elif isinstance(node.op, ast.Mult):
            text, own = self.product(node), 1
        else:
            sign = OPERATORS[type(node.op)]
            right = self(node.right, 1 if sign == "-" else 0)
            if right.startswith("-"):
                right = rf"\left({right}\right)"
            text, own = f"{self(node.left)} {sign} {right}", 0
        return rf"\left({text}\right)" if own < strength else text

    def product(self, node):
        left, right = self(node.left, 1), self(node.right, 1)
        if right.startswith("-"):
            right = rf"\left({right}\right)"
        between = r" \cdot " if right[0].isdigit() else r"\, "
        return f"{left}{between}{right}"

    def base(self, node):
        text = self(node, 2)
        simple = isinstance(node, (ast.Name, ast.Constant)) or text.startswith(r"\left(")
        return text if simple else rf"\left({text}\right)"

    def call(self, node):
        word, args = node.func.id, node.args
        if word == "where":
            test = args[0]
            sign = {"<=": r"\le", ">=": r"\ge", "==": "=", "!=": r"\ne"}
            op = COMPARISONS[type(test.ops[0])]
            condition = f"{self(test.left)} {sign.get(op, op)} {self(test.comparators[0])}"
            return (
                rf"\begin{{cases}} {self(args[1])} & \text{{if }} {condition} \\ "
                rf"{self(args[2])} & \text{{otherwise}} \end{{cases}}"
            )
        inner = [self(a) for a in args]
        forms = {
            "sqrt": r"\sqrt{{{0}}}",
            "abs": r"\left|{0}\right|",
            "sign": r"\operatorname{{sign}}\left({0}\right)",
            "exp": r"\exp\left({0}\right)",
            "log": r"\ln\left({0}\right)",
            "cos": r"\cos\left({0}\right)",
            "floor": r"\left\lfloor {0} \right\rfloor",
            "maximum": r"\max\left({0},\, {1}\right)",
            "minimum": r"\min\left({0},\, {1}\right)",
            "norm": r"\left\lVert {0} \right\rVert",
            "ratio": r"\frac{{{0}}}{{{1}}}",
            "passed": r"\#\left\{{k : {1}_k < {0}\right\}}",
            "orthogonalize": r"\operatorname{{orth}}\left({0}\right)",
            "rows": r"\operatorname{{rows}}\left({0}\right)",
            "columns": r"\operatorname{{columns}}\left({0}\right)",
        }
        if word in forms:
            return forms[word].format(*inner)
        return rf"{latex_name(word)}\left({inner[0]}\right)"


def _latex_number(value):
    text = repr(value)
    if "e" in text:
        mantissa, exponent = text.split("e")
        power = rf"10^{{{int(exponent)}}}"
        return power if mantissa in ("1", "1.0") else rf"{mantissa} \cdot {power}"
    return text[:-2] if text.endswith(".0") else text


def latex(thing):
    """The displayed formula of a rule or schedule, one aligned line for each line of its source.

    >>> from optlib.rules import gradient_descent
    >>> print(latex(gradient_descent))
    \\begin{aligned}
    \\theta_{t} &\\gets \\theta_{t-1} - \\eta\\, g_{t}
    \\end{aligned}
    """
    if isinstance(thing, Rule):
        source = parse(thing)
        write = _Latex(source)
        rows = []
        if source.at is not None:
            rows.append(rf"g_{{t}} &= \nabla f\left({write(source.at.body)}\right)")
        rows += [r"{} &\gets {}".format(*write.assign(name, node)) for name, node in source.lines]
    else:
        rows = _latex_schedule(thing)
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def _latex_schedule(thing):
    """The rows of a schedule, then those of schedules among its arguments, under their names."""
    schedule = getattr(thing, "schedule", thing)
    source = parse(schedule)
    write = _Latex(source)
    rows = [r"{} &\gets {}".format(*write.assign(name, node)) for name, node in source.lines]
    rate = "lr" in source.hyper or "after" in source.hyper
    symbol = latex_name("lr") if rate else latex_name(source.name)
    rows.append(rf"{_indexed(symbol, 't')} &= {write(source.returns[0])}")
    for name, value in getattr(thing, "arguments", {}).items():
        if hasattr(value, "schedule"):
            inner = _latex_schedule(value)
            inner[-1] = (
                rf"{latex_name(name)}\left(t\right) &= " + inner[-1].split("&=", 1)[1].strip()
            )
            rows += inner
    return rows


# -------------------------------------------------------------------------------- JavaScript

PRELUDE = """\
const ratio = (a, b) => (a > 0 && b > 0 ? a / b : 1);
const passed = (t, milestones) => milestones.reduce((n, m) => n + (t > m ? 1 : 0), 0);
"""

JS_WORDS = {
    "sqrt": "Math.sqrt",
    "abs": "Math.abs",
    "sign": "Math.sign",
    "exp": "Math.exp",
    "log": "Math.log",
    "cos": "Math.cos",
    "floor": "Math.floor",
    "maximum": "Math.max",
    "minimum": "Math.min",
    "ratio": "ratio",
    "passed": "passed",
}


class _JavaScript:
    """Expressions as JavaScript, one coordinate at a time; every assignment makes new constants."""

    def __init__(self, source, n):
        self.n, self.name = n, source.name
        self.vectors = set(source.arrays)
        self.current = {name: name for name in (*source.arrays, *source.hyper)}
        self.versions = {}

    def is_vector(self, node):
        if isinstance(node, ast.Name):
            return node.id in self.vectors
        if isinstance(node, ast.Call) and node.func.id in TO_SCALAR:
            return False
        return any(self.is_vector(child) for child in ast.iter_child_nodes(node))

    def __call__(self, node, i):
        if isinstance(node, ast.Constant):
            return repr(node.value)
        if isinstance(node, ast.Name):
            if node.id == "t":
                return "$t"
            if node.id == "pi":
                return "Math.PI"
            name = self.current[node.id]
            return f"{name}_{i}" if node.id in self.vectors else name
        if isinstance(node, ast.UnaryOp):
            return f"(-{self(node.operand, i)})"
        if isinstance(node, ast.BinOp):
            left, right = self(node.left, i), self(node.right, i)
            if not isinstance(node.op, ast.Pow):
                return f"({left} {OPERATORS[type(node.op)]} {right})"
            # NumPy squares by multiplying, so the generated code does too: the same rounding.
            square = isinstance(node.right, ast.Constant) and node.right.value == 2
            if square and isinstance(node.left, ast.Name):
                return f"({left} * {left})"
            return f"(({left}) ** 2)" if square else f"Math.pow({left}, {right})"
        return self.call(node, i)

    def call(self, node, i):
        word, args = node.func.id, node.args
        if word == "norm":
            squares = [f"({self(args[0], k)}) ** 2" for k in range(self.n)]
            return f"Math.sqrt({' + '.join(squares)})"
        if word == "where":
            test, a, b = args
            op = COMPARISONS[type(test.ops[0])].replace("==", "===").replace("!=", "!==")
            left, right = self(test.left, i), self(test.comparators[0], i)
            return f"({left} {op} {right} ? {self(a, i)} : {self(b, i)})"
        if word in MATRIX_WORDS:
            raise UnknownSyntax(f"{self.name}: {word} has no JavaScript")
        inner = ", ".join(self(a, i) for a in args)
        return f"{JS_WORDS.get(word, word)}({inner})"

    def assign(self, name, node):
        """Statements for one line of the rule, and the new names, one for each coordinate."""
        vector = self.is_vector(node)
        values = [self(node, i) for i in range(self.n if vector else 1)]
        version = self.versions[name] = self.versions.get(name, 0) + 1
        self.current[name] = f"{name}${version}"
        (self.vectors.add if vector else self.vectors.discard)(name)
        targets = [
            f"{self.current[name]}_{i}" if vector else self.current[name]
            for i in range(len(values))
        ]
        return [f"const {x} = {value};" for x, value in zip(targets, values, strict=True)], targets


def javascript(thing, n=2, trace=False):
    """A rule or schedule as JavaScript text, operation for operation as in the Python source.

    For a rule in n coordinates: an object literal {name, state, start, hyper, step, at}.
    ``step(s, g, t, h)`` updates s = [theta_0.., state_0.., ...] in place; ``at(s, t, h, out)``, for
    rules that look ahead, writes the point where the gradient is taken. With trace=True also
    ``trace(s, g, t, h)``: the same step, which returns [[name, value, ...], ...] line by line.
    For a schedule: a function expression (t, h) => value, h holding its arguments. For a schedule
    with its arguments, cosine(lr=0.1, steps=100), they are the default of h: (t) => value.
    The text needs :data:`PRELUDE` once before it.
    """
    if not isinstance(thing, Rule):
        return _javascript_schedule(thing)
    source = parse(thing)
    registers = [f"{name}_{i}" for name in ("theta", *thing.state) for i in range(n)]
    load = [f"const {{{', '.join(source.hyper)}}} = $h;"] if source.hyper else []
    load += [f"const {r} = $s[{k}];" for k, r in enumerate(registers)]
    slopes = [f"const g_{i} = $g[{i}];" for i in range(n)]

    write = _JavaScript(source, n)
    body, traced = [], []
    for name, node in source.lines:
        statements, targets = write.assign(name, node)
        body += statements
        traced.append(f"[{json.dumps(name)}, {', '.join(targets)}]")
    store = []
    for k, name in enumerate(("theta", *thing.state)):
        store += [f"$s[{k * n + i}] = {write(ast.Name(name), i)};" for i in range(n)]

    parts = [
        f"name: {json.dumps(thing.name)}",
        f"state: {json.dumps(list(thing.state))}",
        f"start: {json.dumps(list(thing.state.values()))}",
        f"hyper: {json.dumps(thing.hyper)}",
        _method("step($s, $g, $t, $h)", [*load, *slopes, *body, *store]),
    ]
    if trace:
        lines = [*load, *slopes, *body, *store, f"return [{', '.join(traced)}];"]
        parts.append(_method("trace($s, $g, $t, $h)", lines))
    if source.at is None:
        parts.append("at: null")
    else:
        ahead = _JavaScript(source, n)
        lines = load + [f"$out[{i}] = {ahead(source.at.body, i)};" for i in range(n)]
        parts.append(_method("at($s, $t, $h, $out)", lines))
    return "{\n" + textwrap.indent(",\n".join(parts), "  ") + ",\n}"


def _method(signature, lines):
    return f"{signature} {{\n" + textwrap.indent("\n".join(lines), "  ") + "\n}"


def _javascript_schedule(thing):
    schedule = getattr(thing, "schedule", thing)
    source = parse(schedule)
    write = _JavaScript(source, 1)
    lines = [f"const {{{', '.join(source.hyper)}}} = $h;"] if source.hyper else []
    for name, node in source.lines:
        lines += write.assign(name, node)[0]
    lines.append(f"return {write(source.returns[0], 0)};")
    given = f"$h = {_arguments(thing)}" if thing is not schedule else "$h"
    return f"($t, {given}) => {{\n" + textwrap.indent("\n".join(lines), "  ") + "\n}"


def _arguments(bound):
    """The arguments of a schedule as a JavaScript object; a schedule among them as a function."""
    parts = []
    for name, value in bound.arguments.items():
        if hasattr(value, "schedule"):
            text = _javascript_schedule(value)
        elif callable(value):
            raise UnknownSyntax(
                f"{bound.schedule.name}: {name}={value!r} has no source to translate"
            )
        else:
            text = json.dumps(value, default=lambda x: x.item() if hasattr(x, "item") else list(x))
        parts.append(f"{name}: {text}")
    return "{" + ", ".join(parts) + "}"
