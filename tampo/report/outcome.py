"""What a study found, for a reader who reads one sentence: the verdicts in words."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from tampo.claims import VERDICTS
from tampo.claims.mechanism import NEITHER, Question
from tampo.report.rounding import estimate_text
from tampo.study.study import Study

BASELINES = {
    "C1": "every fixed temperature and the linear schedule",
    "X1": "uniform draws",
    "X2": "the replayed temperatures of another of its runs",
    "X3": "itself with shuffled advantages",
}
"""What TAMPO's Pass@1 is compared with in the sentence, by claim."""
CLAUSES = (
    ("contradicted", "{who} does not beat {others}", "or"),
    ("supported", "{who} beats {others}", "and"),
    ("undecided", "whether {who} beats {others} is undecided", "or"),
)
OURS = "X"
"""First letter of the ids of claims that the paper did not make."""


@dataclass(frozen=True)
class ClaimLine:
    """One claim in a line."""

    id: str
    statement: str
    verdict: str
    estimate: str
    """With interval and unit; empty where nothing was tested."""


def outcome(study: Study, claims: pd.DataFrame) -> str:
    """Return what the verdicts say about TAMPO's Pass@1, in a sentence.

    Args:
        study: gives the methods their labels.
        claims: rows of `claims.csv`.
    """
    rows = {row["id"]: row for row in claims.to_dict("records")}
    found: dict[str, list[str]] = {}
    for identity, other in BASELINES.items():
        row = rows[identity]
        if not math.isnan(row["estimate"]):
            nearest = f" against {study.method(row['against']).title}"
            numbers = {"C1": f" ({estimate_text(row)}{nearest})", "X1": f" ({estimate_text(row)})"}
            found.setdefault(row["verdict"], []).append(other + numbers.get(identity, ""))
    if not found:
        return "The study has nothing to compare TAMPO with, so it says nothing about it."
    clauses: list[str] = []
    for verdict, words, last in CLAUSES:
        if verdict in found:
            who = "it" if clauses else "TAMPO"
            clauses.append(words.format(who=who, others=_listed(found[verdict], last)))
    text = "; ".join(clauses)
    return f"{text[0].upper()}{text[1:]}."


def claim_lines(claims: pd.DataFrame) -> list[ClaimLine]:
    """Return the claims that were tested."""
    return [
        ClaimLine(row["id"], row["claim"], row["verdict"], estimate_text(row))
        for row in claims.to_dict("records")
        if not math.isnan(row["estimate"])
    ]


def why(rows: list[Question]) -> str:
    """Return what the questions to TAMPO's logs amount to, in a sentence."""
    credit, entropy, preferred, *slopes = rows
    noise = {True: "more than noise", False: "not distinguishable from noise"}
    first, last = (noise[credit.place(f) == "above"] for f in (credit.first, credit.last))
    when = f"{first} throughout" if first == last else f"{first} at first and {last} at last"
    clauses = [
        f"the temperature credit is {when}",
        f"the distribution keeps {100 * entropy.first.mean:.0f} %, then {100 * entropy.last.mean:.0f} % "
        "of the entropy of uniform draws",
        f"its likeliest candidate, {preferred.first.mean:.2f} and then {preferred.last.mean:.2f}, is "
        f"{_then(preferred)} {preferred.what} ({preferred.against:g})",
    ]
    for agreement in slopes:
        words = {"above": "with", "below": "against", NEITHER: "neither with nor against"}
        first, last = (words[agreement.place(f)] for f in (agreement.first, agreement.last))
        both = f"{first} them" if first == last else f"{first} them at first, {last} them at last"
        clauses.append(f"held against the scores of fixed temperatures, the credit points {both}")
    text = "; ".join(clauses)
    return f"{text[0].upper()}{text[1:]}."


def _then(question: Question) -> str:
    first, last = question.place(question.first), question.place(question.last)
    return first if first == last else f"first {first}, then {last}"


def limits(study: Study, claims: pd.DataFrame) -> list[str]:
    """Return what the study does not show, in sentences."""
    training, seeds = study.training, len(study.seeds)
    sentences = [
        f"Anything about other models, other problems or longer training: this is one base model after "
        f"{training.steps} steps, with {seeds} {'seed' if seeds == 1 else 'seeds'}."
    ]
    for verdict, text in (
        ("undecided", "Whether these hold; it takes more seeds or problems to tell: {}."),
        ("not tested here", "Anything on what it did not test: {}."),
    ):
        if ids := list(claims[claims["verdict"] == verdict]["id"]):
            sentences.append(text.format(", ".join(ids)))
    return sentences


def verdict_counts(claims: pd.DataFrame) -> str:
    """Return how many of the paper's claims, and of ours, have each verdict, naming them."""
    ours = claims["id"].str.startswith(OURS)
    parts = []
    for name, rows in (("the paper's claims", claims[~ours]), ("ours", claims[ours])):
        found = [
            f"{len(ids)} {verdict} ({', '.join(ids)})"
            for verdict in VERDICTS
            if (ids := list(rows[rows["verdict"] == verdict]["id"]))
        ]
        parts.append(f"of {name}, {', '.join(found)}")
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _listed(parts: list[str], last: str) -> str:
    *first, final = parts
    return f"{', '.join(first)} {last} {final}" if first else final
