"""Graders compared on the same cases: ours, math-verify, and three that lm-eval brings.

cases.py        what a case is, and the cases that are read from files
rewritings.py   golds written otherwise by sympy, with the same value
mutations.py    golds changed a little: some still right, most wrong
peers.py        the graders, each as a function of gold and response; run in a process of its own
referee.py      a grader's process and its time limit
report.py       what was counted, as Markdown and CSV
__main__.py     `python -m tampo.tools.bench.grading`
"""
