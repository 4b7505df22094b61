"""The ledger: every record has its entry, and the words follow the verdicts."""

import json
from pathlib import Path

import pytest

from optlib import experiments
from optlib.experiments import NAMES, ledger
from optlib.experiments.record import Claim

ROOT = Path(__file__).parent.parent
ENTRIES = ledger.entries()


def made_up(*verdicts, **changes):
    claims = [Claim(f"claim {k}", "Someone 2020", "3 of 4", v) for k, v in enumerate(verdicts)]
    fields = {
        "name": "made_up",
        "chapter": "07_adam",
        "question": "Does it?",
        "claims": claims,
        "criteria": {"criterion": "at least half"},
        "fixed": "before the runs",
        "after": "",
        "pilot": "",
        "runs": 12,
        "seconds": 90.0,
    }
    return ledger.Entry(**{**fields, **changes})


def test_every_experiment_with_a_record_has_an_entry():
    assert [entry.name for entry in ENTRIES] == list(NAMES)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_an_entry_names_its_page_its_criterion_and_what_it_found(entry):
    assert (ROOT / f"chapters/{entry.chapter}.ipynb").exists()
    assert entry.claims and entry.criteria and all(entry.criteria.values())
    for claim in entry.claims:
        assert claim.claim and claim.source and claim.measured
        assert isinstance(claim.verdict, (bool, str))
    text = ledger.details([entry])
    assert entry.question in text and f"experiments {entry.name} --fresh" in text
    assert all(claim.measured in text for claim in entry.claims)


def test_claims_that_hold_in_part_are_counted_apart():
    found = made_up(True, False, False, "on the digits only")
    assert found.held == "1 of 4, 1 in part"
    assert made_up(True, False).held == "1 of 2"
    assert "4 claims: 1 held, 2 did not, 1 held in part; 12 runs" in ledger.total([found])
    assert "| [7](07_adam.ipynb) | 1 of 4, 1 in part | 12 | 1.5 |" in ledger.overview([found])


def test_a_question_of_ours_is_true_or_false_and_a_paper_is_reproduced_or_not():
    assert ledger.verdict(Claim("x", "Someone 2020", "1", False)) == "not reproduced"
    assert ledger.verdict(Claim("x", "ours", "1", False)) == "false"
    assert ledger.verdict(Claim("x", "ours, from chapter 2", "1", True)) == "true"
    assert ledger.verdict(Claim("x", "ours", "1", "to B = 32")) == "to B = 32"


def test_words_stand_for_the_verdict_and_do_not_change_the_count():
    found = made_up(True, False)
    found.claims.append(Claim("claim 2", "Someone 2020", "0 of 4", False, words="not shown"))
    assert ledger.verdict(found.claims[-1]) == "not shown"
    assert found.held == "1 of 3" and "1 held, 2 did not, 0 held in part" in ledger.total([found])
    assert "- **Not shown.** *Claim:* claim 2" in ledger.details([found])


def test_every_row_of_the_overview_leads_to_its_entry():
    rows, text = ledger.overview(ENTRIES), ledger.details(ENTRIES)
    for name in NAMES:
        assert f"| [{name}](ledger-{name}) |" in rows
        assert f"(ledger-{name})=\n**" in text


def test_what_was_not_fixed_before_is_said():
    before = ledger.details([made_up(True)])
    assert "Criterion, fixed before the runs: at least half" in before
    later = ledger.details([made_up(True, fixed="after two pilots")])
    assert "Criterion, fixed after two pilots: at least half" in later
    pilot = made_up(True, criteria={"criterion": "fixed after a pilot: at least half"})
    assert "- Criterion: fixed after a pilot: at least half." in ledger.details([pilot])
    after = ledger.details([made_up(True, after="the grid was widened")])
    assert "fixed before the runs: at least half" not in after
    assert "Not fixed before the runs: the grid was widened." in after


def test_a_verdict_comes_from_the_record(tmp_path):
    record = experiments.load("momentum_batch")
    assert ledger.entry("momentum_batch").claims[0].verdict is True
    record["summary"]["opposite"] = False
    (tmp_path / "momentum_batch.json").write_text(json.dumps(record))
    assert ledger.entry("momentum_batch", tmp_path).claims[0].verdict is False
