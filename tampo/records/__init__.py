"""What a run says about itself: run.json, its costs, its training tables, what ran it."""
