"""Base models: from the hub, out of a package, or pretrained here; the supervised cold start."""
