"""What words mean: numbers, functions, units, choices, text answers."""
