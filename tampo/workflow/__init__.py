"""What the rules of the workflow need from a study, and why its jobs failed."""
