"""The page of results that git keeps: what the studies in `docs/evidence` found, from evidence alone.

It is a function of the evidence: the same folders reproduce it byte for byte. Every number in it is in
a file that `python -m tampo verify` checks or, like TAMPO's lead and what was learned, follows from one.

    against.py    TAMPO against its baselines, in a table and in words
    study.py      what one study contributes, as plain values
    page.py       the template filled in
"""

from tampo.evidence.results_page.page import results_page, write_results

__all__ = ["results_page", "write_results"]
