"""Numbers in, numbers out: pass@k, intervals, paired differences, tests, power; no study settings."""
