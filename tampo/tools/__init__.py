"""Beside the flow and never in it: what a study will cost, studies on other machines, timing."""
