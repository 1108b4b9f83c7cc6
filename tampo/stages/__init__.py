"""The stages of the workflow: each reads, calls what the rooms below compute, and writes."""
