"""What an outsider checks: verification of results, and results packed for git and for reading."""
