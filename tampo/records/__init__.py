"""Records of a run: run.json, costs, training tables, provenance."""
