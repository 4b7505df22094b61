"""The tools: what they clean, what they throw away, what they say when something is wrong."""

import hashlib
import json
import re
import runpy
import socket
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import book  # noqa: E402
import bundle  # noqa: E402
import clean_notebooks  # noqa: E402
import environment  # noqa: E402
import notebooks  # noqa: E402
import steps  # noqa: E402

CONFIG = yaml.safe_load((ROOT / "_config.yml").read_text())


def repository_files():
    """Text files of the repository: what git would keep."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    names = listed.stdout.splitlines()
    if listed.returncode or not names:
        pytest.skip("not a git checkout")
    paths = [ROOT / name for name in names]
    return [path for path in paths if path.is_file() and path.suffix not in {".png", ".woff2"}]


# ── notebooks ────────────────────────────────────────────────────────────────────────────────


def dirty_notebook():
    """Cells: text, plain code, tagged code; as an editor leaves them after a run."""
    stream = new_output("stream", name="stdout", text="0.5\n")
    value = new_output("execute_result", {"text/plain": "1"}, execution_count=7)
    cells = [
        new_markdown_cell("# Title", id="a"),
        new_code_cell("x = 1", id="b", execution_count=3, outputs=[stream], metadata={"tags": []}),
        new_code_cell(
            "1",
            id="c",
            execution_count=7,
            outputs=[value],
            metadata={
                "tags": ["nbval-check-output"],
                "mystnb": {"image": {"alt": "x"}},
                "nbgrader": {"grade": True},
                "collapsed": True,
                "execution": {"iopub.status.busy": "2026"},
            },
        ),
    ]
    return new_notebook(
        cells=cells,
        metadata={
            "kernelspec": {"name": "python3", "display_name": "my own", "language": "python"},
            "language_info": {"name": "python", "version": "3.13.1"},
            "widgets": {"state": {}},
        },
    )


def test_cleaning_strips_all_but_tagged_cells_and_known_metadata():
    cleaned = clean_notebooks.clean(dirty_notebook())
    text, plain, tagged = cleaned.cells
    assert (plain.outputs, plain.execution_count) == ([], None)
    assert tagged.execution_count == 7
    assert tagged.outputs[0].execution_count == 7
    assert set(tagged.metadata) == {"tags", "mystnb", "nbgrader"}
    assert set(cleaned.metadata) == {"kernelspec", "language_info"}
    assert cleaned.metadata.kernelspec.display_name == "Python 3"
    assert cleaned.metadata.language_info == {"name": "python"}


def test_cleaning_twice_changes_nothing():
    once = clean_notebooks.text_of(clean_notebooks.clean(dirty_notebook()))
    again = clean_notebooks.clean(nbformat.reads(once, as_version=4))
    assert clean_notebooks.text_of(again) == once
    assert once.endswith("}\n")
    assert once.startswith('{\n "cells"')


def clean_command(*arguments):
    command = [sys.executable, ROOT / "tools/clean_notebooks.py", *arguments]
    return subprocess.run([str(part) for part in command], capture_output=True, text=True)


def test_check_names_the_notebook_and_changes_nothing(tmp_path):
    path = tmp_path / "dirty.ipynb"
    nbformat.write(dirty_notebook(), path)
    before = path.read_text()
    done = clean_command("--check", path)
    assert done.returncode == 1
    assert "dirty.ipynb: not clean" in done.stderr
    assert path.read_text() == before
    assert clean_command(path).returncode == 0
    assert clean_command("--check", path).returncode == 0


def test_check_names_a_tagged_cell_without_output(tmp_path):
    notebook = clean_notebooks.clean(dirty_notebook())
    notebook.cells[2].outputs = []
    path = tmp_path / "unrun.ipynb"
    path.write_text(clean_notebooks.text_of(notebook))
    done = clean_command("--check", path)
    assert done.returncode == 1
    assert "unrun.ipynb, cell 3: tagged nbval-check-output" in done.stderr


def test_execute_stores_the_outputs_of_tagged_cells_only(tmp_path):
    notebook = clean_notebooks.clean(dirty_notebook())
    notebook.cells[2].source = "x + 1"
    path = tmp_path / "run.ipynb"
    path.write_text(clean_notebooks.text_of(notebook))
    assert clean_command("--execute", path).returncode == 0
    _, plain, tagged = nbformat.read(path, 4).cells
    assert (plain.outputs, plain.execution_count) == ([], None)
    assert tagged.outputs[0].data["text/plain"] == "2"
    assert tagged.execution_count == 2


def test_a_notebook_that_raises_is_named_with_its_cell(tmp_path, monkeypatch):
    monkeypatch.setattr(notebooks, "ROOT", tmp_path)
    path = tmp_path / "broken.ipynb"
    cells = [new_markdown_cell("text"), new_code_cell("x = 1"), new_code_cell("x / 0")]
    nbformat.write(new_notebook(cells=cells), path)
    with pytest.raises(steps.Failure) as failure:
        notebooks.execute([path], tmp_path / "cache")
    assert "broken.ipynb, cell 3: ZeroDivisionError: division by zero" in str(failure.value)


def test_executed_notebooks_are_found_in_the_cache(tmp_path, monkeypatch):
    path = tmp_path / "fine.ipynb"
    cells = [new_code_cell("1 + 1", metadata={"tags": ["hide-input"]})]
    nbformat.write(clean_notebooks.clean(new_notebook(cells=cells)), path)
    monkeypatch.setattr(notebooks, "book_notebooks", lambda: [path])
    cache = tmp_path / "cache"
    assert notebooks.outdated(cache) == [path]
    notebooks.execute([path], cache)
    assert notebooks.outdated(cache) == []


def test_every_page_of_the_book_is_there():
    names = [path.stem for path in notebooks.toc_files()]  # raises where one is missing
    assert names[0] == "index"


def test_the_timeout_of_a_cell_is_the_same_in_both_places():
    assert CONFIG["execute"]["timeout"] == notebooks.CELL_SECONDS


# ── nothing stale ────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def built(tmp_path, monkeypatch):
    """A small repository with a finished build in it."""
    for name in ("optlib/rules.py", "exercises/optlib_checks/judge.py", "web/theme.css"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one")
    for name in ("requirements.txt", "constraints.txt", "pyproject.toml"):
        (tmp_path / name).write_text("one")
    build = tmp_path / "_build"
    for module in (book, bundle):
        monkeypatch.setattr(module, "ROOT", tmp_path)
        monkeypatch.setattr(module, "BUILD", build)
    monkeypatch.setattr(bundle, "WEB", tmp_path / "web")
    for name in ("HTML", "CACHE", "DOCTREES"):
        monkeypatch.setattr(book, name, build / name)
    book.drop_stale()
    for name in ("HTML", "CACHE", "DOCTREES"):
        (build / name).mkdir()
    assert book.drop_stale() == "nothing stale"
    return tmp_path


def kept(root):
    return {name for name in ("HTML", "CACHE", "DOCTREES") if (root / "_build" / name).exists()}


def test_an_unchanged_repository_keeps_its_build(built):
    book.drop_stale()
    assert kept(built) == {"HTML", "CACHE", "DOCTREES"}


@pytest.mark.parametrize(
    "name",
    [
        "optlib/rules.py",
        "exercises/optlib_checks/judge.py",
        "requirements.txt",
        "constraints.txt",
        "pyproject.toml",
    ],
)
def test_a_change_in_the_code_throws_outputs_and_pages_away(built, name):
    (built / name).write_text("two")
    book.drop_stale()
    assert kept(built) == set()


def test_a_change_in_the_browser_side_throws_the_pages_away_alone(built):
    (built / "web/theme.css").write_text("two")
    book.drop_stale()
    assert kept(built) == {"CACHE"}


def test_a_new_file_counts_as_a_change(built):
    (built / "optlib/new.json").write_text("{}")
    book.drop_stale()
    assert kept(built) == set()


# ── what is said when something is wrong ─────────────────────────────────────────────────────


def test_a_taken_port_is_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(steps.Failure, match=f"Port {port} is taken. Choose another"):
            book.check_port(port)
        with pytest.raises(steps.Failure, match=f"Port {port} is taken"):
            book.server(port, ROOT)


def test_an_old_python_is_one_line(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 2))
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / "tools/environment.py"), run_name="__main__")
    assert str(ended.value).startswith("Python 3.11 or newer is needed")
    assert "\n" not in str(ended.value)


class FakeEnvironment:
    """Stands for .venv: `works` and `install` behave as a test asks."""

    def __init__(self, monkeypatch, folder, works, outcomes):
        self.log, self.outcomes = [], list(outcomes)
        monkeypatch.setattr(environment, "STAMP", folder / "stamp.json")
        monkeypatch.setattr(environment, "works", lambda: works)
        monkeypatch.setattr(environment, "create", lambda: self.log.append("create"))
        monkeypatch.setattr(environment, "install", self.install)

    def install(self, lists):
        self.log.append("install")
        if outcome := self.outcomes.pop(0):
            raise outcome


@pytest.mark.parametrize(
    ("works", "outcomes", "log"),
    [
        (False, [None], ["create", "install"]),
        (True, [None], ["install"]),
        (True, [environment.Broken("half"), None], ["install", "create", "install"]),
    ],
    ids=["none", "half-made", "beyond repair"],
)
def test_an_environment_is_made_or_repaired(monkeypatch, tmp_path, works, outcomes, log):
    fake = FakeEnvironment(monkeypatch, tmp_path, works, outcomes)
    environment.prepare(["requirements.txt"])
    assert fake.log == log
    monkeypatch.setattr(environment, "works", lambda: True)
    assert environment.prepare(["requirements.txt"]) == "up to date"
    assert fake.log == log


def test_changed_requirements_are_installed_again(monkeypatch, tmp_path):
    fake = FakeEnvironment(monkeypatch, tmp_path, True, [None, None])
    environment.prepare(["requirements.txt"])
    monkeypatch.setattr(environment, "fingerprint", lambda: "another")
    environment.prepare(["requirements.txt"])
    assert fake.log == ["install", "install"]


@pytest.mark.parametrize("kind", [environment.Unreachable, steps.Failure], ids=["network", "pins"])
def test_what_making_anew_would_not_mend_is_said_at_once(monkeypatch, tmp_path, kind):
    fake = FakeEnvironment(monkeypatch, tmp_path, True, [kind("no")])
    with pytest.raises(kind):
        environment.prepare(["requirements.txt"])
    assert fake.log == ["install"]
    assert not (tmp_path / "stamp.json").exists()


def test_pips_words_for_no_network_are_known():
    said = "NewConnectionError('Failed to establish a new connection: [Errno -3] Temporary failure"
    assert environment.UNREACHABLE.search(said)
    pins = "ERROR: ResolutionImpossible: conflicting pins"
    assert not environment.UNREACHABLE.search(pins)
    assert not environment.BROKEN.search(pins)
    assert environment.BROKEN.search("error: uninstall-no-record-file")


# ── one place for each thing ─────────────────────────────────────────────────────────────────


def test_torchs_cpu_index_is_named_once():
    address = environment.cpu_index()
    named = [path.name for path in repository_files() if address in path.read_text()]
    assert named == ["requirements.txt"]
    assert environment.torch_pin().startswith("torch==")


def test_every_requirement_is_pinned_as_in_the_constraints():
    pins = dict(
        line.split("==") for line in (ROOT / "constraints.txt").read_text().split() if "==" in line
    )
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-grading.txt"):
        for package, version in re.findall(
            r"^([\w.-]+)(?:\[\w+\])?==(\S+)", (ROOT / name).read_text(), re.MULTILINE
        ):
            assert pins[package.lower().replace("_", "-")] == version


def test_the_lock_file_of_npm_names_no_address():
    lock = json.loads((ROOT / "web/package-lock.json").read_text())
    assert [name for name, entry in lock["packages"].items() if "resolved" in entry] == []
    wanted = json.loads((ROOT / "web/package.json").read_text())
    root = lock["packages"][""]
    assert root["dependencies"] == wanted["dependencies"]
    assert root["devDependencies"] == wanted["devDependencies"]


REPOSITORY = CONFIG["repository"]["url"].removeprefix("https://github.com/")
PLACEHOLDER = "step-by-step-" + "optimizers/step-by-step"
# where this repository's own address may stand: (what precedes it, owner/name)
OWN_ADDRESS = re.compile(
    r"(mybinder\.org/v2/gh/|colab\.research\.google\.com/github/|repository-code: \S*github\.com/"
    rf"|(?=[\w.-]*{PLACEHOLDER.split('/')[0]}))([\w.-]+/[\w.-]+?)(?=[/\s\"'`)#>\]]|\.git|$)"
)


def test_every_mention_of_the_repository_is_the_configured_one():
    wrong = [
        f"{path.relative_to(ROOT)}: {found}"
        for path in repository_files()
        for _, found in OWN_ADDRESS.findall(path.read_text())
        if found != REPOSITORY and path != Path(__file__).resolve()
    ]
    assert wrong == []


def test_mentions_of_the_repository_are_recognised():
    text = (
        "https://mybinder.org/v2/gh/ann/book/main [x](https://colab.research.google.com/github/"
        f"ann/book/blob) repository-code: https://github.com/ann/book\nhttps://github.com/{PLACEHOLDER}"
    )
    assert [found for _, found in OWN_ADDRESS.findall(text)] == ["ann/book"] * 3 + [PLACEHOLDER]


def test_a_digest_follows_names_and_contents(tmp_path, monkeypatch):
    monkeypatch.setattr(bundle, "ROOT", tmp_path)
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("a")
    two.write_text("a")
    seen = {bundle.digest([one]), bundle.digest([two]), bundle.digest([one], "3.11")}
    one.write_text("b")
    seen.add(bundle.digest([one]))
    assert len(seen) == 4
    assert all(len(value) == hashlib.sha256().digest_size * 2 for value in seen)
