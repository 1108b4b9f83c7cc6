"""Departures from the published experiment: what differs, what only costs, where it is tagged."""

import pytest
from support.paths import ROOT
from support.studies import micro_study

from tampo.stages.report import stored_study
from tampo.study.departures import ABSENT, departures, our_choices, source_tags
from tampo.study.study import load_study

PAPER = ROOT / "workflow" / "studies" / "paper.yaml"


@pytest.fixture
def published(tmp_path):
    """The micro study as a file, with tags in every place where a tag may be."""
    text = stored_study(micro_study())
    for old, new in (
        ("  steps: 6\n", "  steps: 6 # [P]\n"),
        ("  group_size: 4\n", "  # [R] nobody said\n  # how many\n  group_size: 4\n"),
        ("  kl_coefficient: 0.0\n", "  kl_coefficient: 0.0 # no tag\n"),
        ("benchmarks:\n", "benchmarks:\n  # [O] the recipe's\n"),
    ):
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = tmp_path / "published.yaml"
    path.write_text(text)
    assert load_study(path) == micro_study()
    return path


def rows(study, published):
    return {
        r.key: (r.here, r.published, r.source) for r in departures(study, published).itertuples()
    }


def test_a_study_does_not_depart_from_itself(published):
    assert rows(micro_study(), published) == {}


def test_tags_are_found_beside_above_and_below_a_key(published):
    tags = source_tags(published)
    assert tags["training.steps"] == ("P", "")
    assert tags["training.group_size"] == ("R", "nobody said how many")
    assert tags["benchmarks"] == ("O", "the recipe's")
    assert "training.kl_coefficient" not in tags


def test_differences_carry_the_tag_of_the_published_value(published):
    study = micro_study(training={"steps": 9, "kl_coefficient": 0.04}, seeds=[1, 2, 3])
    assert rows(study, published) == {
        "training.steps": ("9", "6", "P"),
        "training.kl_coefficient": ("0.04", "0", ""),
        "seeds": ("1, 2, 3", "1, 2", ""),
    }


def test_named_things_are_compared_by_name(published):
    study = micro_study(
        benchmarks=[
            {"name": "maxima", "samples": 2, "limit": 4},
            {"name": "sums", "samples": 4, "limit": 4},
        ]
    )
    assert rows(study, published) == {
        "benchmarks.sums.samples": ("4", "2", "O"),
        "benchmarks.maxima": ("samples 2, limit 4", ABSENT, ""),
    }


def test_settings_that_only_cost_are_left_out(published):
    study = micro_study(training={"micro_batch": 16, "cpu_threads": 2, "checkpoint_every": 1})
    assert rows(study, published) == {}


def test_our_choices_are_the_values_tagged_so(published):
    assert our_choices(published).to_dict("records") == [
        {"key": "training.group_size", "note": "nobody said how many"}
    ]


def test_the_paper_study_tags_what_it_takes_from_the_paper():
    tags = source_tags(PAPER)
    assert tags["training.learning_rate"][0] == "P"
    assert tags["training.kl_coefficient"][0] == "O"
    assert tags["methods.tampo"][0] == "P"
    assert {"seeds", "evaluation.max_tokens"} <= set(our_choices(PAPER)["key"])
