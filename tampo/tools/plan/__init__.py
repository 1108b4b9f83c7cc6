"""What a study will cost, before anything is spent, and how close the estimate came afterwards."""
