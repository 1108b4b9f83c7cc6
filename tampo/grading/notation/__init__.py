"""Answers as characters: presentation taken away, numbers, tokens, and the tree they are read into."""
