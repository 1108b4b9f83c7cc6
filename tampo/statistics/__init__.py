"""Numbers in, numbers out: pass@k, intervals, paired differences, tests, power. Knows no study."""
