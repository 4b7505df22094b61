"""The appendices: what they list is all there is, and what they compute is right."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from optlib import conversions, rules, schedules, sheets, syntax
from optlib.rules import compared

CHAPTERS = Path(__file__).resolve().parents[1] / "chapters"


def markdown(name):
    """The prose of a notebook."""
    cells = json.loads((CHAPTERS / name).read_text())["cells"]
    return "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def code(name):
    cells = json.loads((CHAPTERS / name).read_text())["cells"]
    return "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code")


# ------------------------------------------------------------------------------ formula sheet


def test_every_rule_stands_once_on_the_formula_sheet():
    found = [name for names in sheets.GROUPS.values() for name in names]
    assert sorted(found) == sorted(rules.ALL)
    shown = re.findall(r'sheets\.group\("(.*)"\)', code("a_formulas.ipynb"))
    titles = re.findall(r"^## (.*)", markdown("a_formulas.ipynb"), re.M)
    assert shown == list(sheets.GROUPS) == titles[: len(shown)]
    assert "schedule_sheet(*schedules.ALL)" in code("a_formulas.ipynb")
    text = sheets.schedule_sheet(*schedules.ALL)
    assert all(f"**`{name}`**" in text for name in schedules.ALL)


def test_the_contents_of_the_formula_sheet_lead_to_all_entries():
    page = "\n".join([*map(sheets.group, sheets.GROUPS), sheets.schedule_sheet(*schedules.ALL)])
    places = re.findall(r'\bid="([\w-]+)"', page)
    assert len(set(places)) == len(places)
    links = re.findall(r'href="#([\w-]+)"', sheets.contents())
    assert set(links) <= set(places) and len(set(links)) == len(links)
    folded = re.findall(r"</summary>.*?</details>", page, re.S)
    inside = re.findall(r'\bid="([\w-]+)"', "\n".join(folded))
    assert set(places) - set(links) == set(inside), "an entry is linked, or folded with its group"


@pytest.mark.parametrize("rule", rules.ALL.values(), ids=lambda r: r.name)
def test_an_entry_is_the_rule(rule):
    text = sheets.sheet(rule)
    assert syntax.latex(rule) in text and ":func:" not in text and ":math:" not in text
    assert f"{sheets.bytes_per_parameter(rule)} bytes" in text
    rows = [row for row in compared.ROWS if row.rule == rule.name]
    if rows:
        assert all(f"{row.library}, " in text for row in rows)
    else:
        assert compared.WITHOUT_ORACLE[rule.name] in text


def test_an_entry_speaks_in_the_letters_of_its_formula():
    entries = [sheets.sheet(rule) for rule in rules.ALL.values()]
    text = "\n".join([*entries, sheets.schedule_sheet(*schedules.ALL)])
    prose = re.sub(r"\$\$.*?\$\$|\$[^$]*\$|`[^`]*`", "", text, flags=re.DOTALL)
    assert re.findall(r"\b(?:lr|eps|beta\d?|lambda|theta|rho|psi|mu|gamma)(?:\b|_\{)", prose) == []
    assert "no ϵ" in sheets.sheet(rules.get("rmsprop"))


def test_paths_on_the_sheet_are_those_that_the_parity_tests_run():
    import test_parity

    libraries = ("torch", "optax", "keras", "timm", "pytorch_optimizer")
    run = [len(test_parity.rows(library)) for library in libraries]
    last = sheets.coverage().strip().splitlines()[-1]
    assert [int(n) for n in re.findall(r"\*\*(\d+)\*\*", last)] == run


@pytest.mark.parametrize(
    "name, count",
    [("gradient_descent", 0), ("momentum", 4), ("adam", 8), ("amsgrad", 12), ("nadam", 8),
     ("rmsprop_torch", 12), ("muon", 4), ("adagrad", 4), ("adadelta", 8)],
)  # fmt: skip
def test_bytes_are_four_for_each_array(name, count):
    assert sheets.bytes_per_parameter(rules.get(name)) == count


# ------------------------------------------------------------------------------ Rosetta stone


def test_names_of_arguments_are_those_of_the_calls():
    names = sheets.argument_names()
    assert names["lr"] == {
        "torch": ["lr"],
        "optax": ["learning_rate"],
        "keras": ["learning_rate"],
        "timm": ["lr"],
        "pytorch_optimizer": ["lr"],
    }
    assert names["beta2"]["torch"] == ["alpha", "betas[1]"]
    assert names["eps"]["keras"] == ["epsilon"]
    assert set(names) == {k for d in conversions.DIALECTS.values() for k in d.arguments} - {
        "centered"
    }


def test_counts_are_those_of_the_charts():
    names, constant = sheets.chart("Adam")
    assert len(names) == 8 and constant.diagonal().all()
    assert f"| Adam | 8 | 56 | {constant.sum() - 8} |" in sheets.counted()
    changing = sheets.chart("SGD with momentum", changes=True)[1]
    assert not (changing & ~sheets.chart("SGD with momentum")[1]).any()
    with_decay = sheets.chart("Adam", values={"eps": 0, "weight_decay": 0, "l2": 0})[1]
    assert with_decay.all(), "without ε and decay all Adams are one"


def test_every_form_of_a_family_is_shown():
    shown = re.findall(r"sheets\.family\((.*?)\)", code("a_notation.ipynb"))
    families = [name for part in shown for name in re.findall(r'"([^"]+)"', part)]
    assert sorted([*families, "Lion"]) == sorted(conversions.FAMILIES)
    text = sheets.family(*families)
    for d in conversions.DIALECTS.values():
        assert d.family == "Lion" or (f"**{d.name}**" in text and f"\n| {d.name} |" in text)


def test_the_converter_stands_before_all_lists():
    cells = json.loads((CHAPTERS / "a_notation.ipynb").read_text())["cells"]
    titles = re.findall(r"^## (.*)", markdown("a_notation.ipynb"), re.M)
    assert titles[0] == "The converter"
    calls = [k for k, c in enumerate(cells) if "live.converter(" in "".join(c["source"])]
    assert calls and calls[0] < 8


# ------------------------------------------------------------------------------ symbols


def symbol_table():
    text = markdown("a_notation.ipynb")
    part = text[text.index("| symbol | meaning") : text.index("## The same quantities elsewhere")]
    return part


def prose(text):
    """A page without its blocks of code and its code in line; directives keep their content."""
    return re.sub(r"(?s:```\w.*?```)|`[^`\n]*`", "", text)


LETTER = re.compile(
    r"\\((?:var)?(?:alpha|beta|[gG]amma|[dD]elta|epsilon|zeta|eta|[tT]heta|kappa|[lL]ambda|mu|nu|"
    r"[xX]i|rho|[sS]igma|tau|[pP]hi|chi|[pP]si|[oO]mega))(?![A-Za-z])"
)


def test_every_greek_letter_of_the_chapters_is_in_the_list():
    listed = set(LETTER.findall(symbol_table()))
    for path in sorted(CHAPTERS.glob("[01]*.ipynb")):
        used = set(LETTER.findall(prose(markdown(path.name))))
        assert used <= listed, f"{path.name}: {sorted(used - listed)}"


def letters(text):
    """The Latin letters of a text's formulas, words and names of functions left out."""
    text = prose(text)
    formulas = re.findall(r"\$\$.*?\$\$|(?<!\\)\$[^$]+\$", text, re.DOTALL)
    words = r"\\(?:text|operatorname|mathrm(?=\{diag)|begin|end)\*?\{[^}]*\}|\\[A-Za-z]+"
    return set(re.findall(r"[A-Za-z]", re.sub(words, " ", " ".join(formulas))))


def test_every_letter_of_a_chapter_is_in_the_list_or_under_its_chapter():
    rows = symbol_table().split("(notation-chapters)=")
    everywhere = letters(
        "".join(line.split("|")[1] for line in rows[0].splitlines() if "|" in line)
    )
    assert {"g", "H", "u"} <= everywhere and "K" not in everywhere
    own = dict(re.findall(r"^- \[Chapter \d+\]\((\w+)\): (.*)$", rows[1], re.M))
    for path in sorted(CHAPTERS.glob("[01]*.ipynb")):
        unknown = letters(markdown(path.name)) - everywhere - letters(own.get(path.stem, ""))
        assert not unknown, f"{path.name}: {sorted(unknown)}"


def test_no_letter_stands_under_a_chapter_that_does_not_use_it():
    own = symbol_table().split("(notation-chapters)=")[1]
    for name, words in re.findall(r"^- \[Chapter \d+\]\((\w+)\): (.*)$", own, re.M):
        unused = letters(words) - letters(markdown(f"{name}.ipynb"))
        assert not unused, f"{name}: {sorted(unused)}"


def test_every_symbol_of_a_rule_is_in_the_list():
    listed = symbol_table()
    for rule in rules.ALL.values():
        for name in (*rule.state, *rule.hyper):
            symbol = syntax.latex_name(name)
            if symbol.startswith((r"\mathrm", "v^")):
                continue  # its own name
            assert symbol in listed, f"{rule.name}: {name}, {symbol}"


# ------------------------------------------------------------------------------ glossary


def glossary():
    """{term: definition} of the glossary."""
    text = (CHAPTERS / "a_glossary.md").read_text()
    inside = text[text.index("```{glossary}") :].split("\n", 1)[1].rsplit("```", 1)[0]
    found = {}
    for block in inside.strip().split("\n\n"):
        term, *lines = block.splitlines()
        assert all(line.startswith("  ") for line in lines), term
        found[term] = " ".join(line.strip() for line in lines)
    return found


def test_terms_are_in_order_and_have_one_sentence():
    terms = glossary()
    plain = [re.sub(r"[^a-z ]", "", re.sub(r"\$[^$]*\$", "l", t.lower())) for t in terms]
    assert plain == sorted(plain) and len(terms) > 60
    for term, words in terms.items():
        bare = re.sub(r"\([^()]*\]\([^)]*\)\)|\[[^]]*\]\([^)]*\)|\$[^$]*\$", "", words)
        assert words.endswith(".") and bare.count(". ") == 0, f"{term}: more than one sentence"


def test_links_of_the_glossary_lead_somewhere():
    for target in set(re.findall(r"\]\(([^)]+)\)", (CHAPTERS / "a_glossary.md").read_text())):
        label = f"({target})="
        pages = [CHAPTERS / f"{target}{end}" for end in (".ipynb", ".md")]
        assert any(p.exists() for p in pages) or label in markdown("a_notation.ipynb"), target


def test_the_refreshers_are_linked_from_the_list_of_tools():
    text = markdown("a_refreshers.ipynb")
    assert len(re.findall(r"^## (?!Sources)", text, re.M)) == 6
    assert text.count("*Needed in [Chapter") == 6
    assert np.all([f"(refresher-{k})=" in text for k in ("eigen", "maps", "ema", "variance")])
