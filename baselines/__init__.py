"""What TAMPO is compared with: one temperature policy per file."""
