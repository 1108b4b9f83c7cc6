"""The typed, closed configuration of a study, and its checks."""
