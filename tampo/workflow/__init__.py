"""What the rules of the workflow ask of a study, and why its jobs failed."""
