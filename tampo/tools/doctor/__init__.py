"""What a machine lacks for a study, in seconds and before anything is queued: `python -m tampo doctor`."""
