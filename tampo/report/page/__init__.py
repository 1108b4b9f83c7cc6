"""One page that shows a study: verdicts, tables, figures, responses, cost, gaps and provenance.

The page is one file without network: styles, script, figures and the responses of the explorer are
in it. It is a function of what lies below `results/{study}`, so it is reproducible byte for
byte; times are those of the runs.

    samples.py    which responses are embedded
    sections.py   what each section shows, as plain values
    page.py       the template filled in
    templates/    page, style sheet and script
"""

from tampo.report.page.page import Contents, ShownTable, render

__all__ = ["Contents", "ShownTable", "render"]
