"""A study on a machine without network: packed here, run there, received here.

`pack` and `receive` are commands of the package; `box.py` is what runs on the other machine and travels
with what was packed.
"""
