"""What a study will cost, and how close the estimate came."""
