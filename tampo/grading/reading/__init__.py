"""The reader: each file adds to the one before, and all of an answer is understood or none of it."""
