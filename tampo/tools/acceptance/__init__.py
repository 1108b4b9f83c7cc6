"""What a machine must show before a study is trusted to it: `python -m tampo acceptance`."""
