"""Problem sets in one canonical form, and the prompt that is made from a problem."""
