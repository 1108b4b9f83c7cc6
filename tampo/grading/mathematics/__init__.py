"""What takes mpmath, sympy or pint. Imported in a worker process only."""
