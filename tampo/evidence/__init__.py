"""What a stranger checks: verification of results, and results packed for git and for reading."""
