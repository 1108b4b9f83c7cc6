"""Base models: from the hub, out of a package, or pretrained here; the SFT cold start."""
