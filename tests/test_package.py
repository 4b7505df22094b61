"""The house rules of the package: what imports what, and that every public name is documented."""

import ast
import pathlib
import subprocess
import sys

import pytest

import optlib

HOUSE = pathlib.Path(optlib.__file__).parent

# Imports run downwards only: a module may import from its own level's predecessors.
LEVELS = [
    {"ops", "history", "speed"},
    {"rule"},
    {"rules", "schedules", "conversions"},
    {"syntax", "surfaces", "symbolic", "torch_optim", "tasks"},
    {"training", "plots", "sheets"},
    {"data_parallel", "experiments", "live"},
]


def _level(module):
    part = module.split(".")[1] if "." in module else ""
    return next((i for i, names in enumerate(LEVELS) if part in names), None)


def _imports(path):
    """The optlib modules that a file imports, as optlib.x."""
    package = ("optlib", *path.relative_to(HOUSE).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, [base, node.module]))
            if module == "optlib":
                yield from (f"optlib.{alias.name}" for alias in node.names)
            elif module.startswith("optlib."):
                yield module
        elif isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.startswith("optlib."))


@pytest.mark.parametrize("path", sorted(HOUSE.rglob("*.py")), ids=lambda p: str(p.name))
def test_imports_run_downwards(path):
    here = _level(".".join(("optlib", *path.relative_to(HOUSE).with_suffix("").parts)))
    if here is None:  # optlib/__init__.py gathers what the package offers
        return
    for module in _imports(path):
        there = _level(module)
        assert there is None or there <= here, f"{path.name} imports {module} from above"


def test_import_loads_neither_torch_nor_jax_nor_sympy():
    code = "import optlib, sys; print([m for m in ('torch', 'jax', 'sympy') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


@pytest.mark.parametrize("path", sorted(HOUSE.rglob("*.py")), ids=lambda p: str(p.name))
def test_every_public_name_has_a_docstring(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree) or path.name == "__main__.py", f"{path} has no docstring"
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{path.name}: {node.name} has no docstring"
