"""Timings: a TAMPO step against plain TRL's, and the fused head against its alternatives."""
