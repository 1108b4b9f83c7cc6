"""Gold and answer compared part by part, by notation and exact arithmetic alone."""
