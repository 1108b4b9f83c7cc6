"""Entrocraft's mask: three steps by hand."""

import pytest
import torch

from tampo.training.advantage_mask import AdvantageMask

MASK = AdvantageMask(start=0.6, end=0.2, band=0.05, steps=3)
ADVANTAGES = torch.tensor([1.5, 0.0, -0.5])


def test_the_target_falls_in_a_line():
    assert [MASK.target(step) for step in range(4)] == pytest.approx([0.6, 0.4, 0.2, 0.2])


@pytest.mark.parametrize(
    ("step", "entropy", "kept"),
    [
        (0, None, [True, True, True]),  # nothing is known before the first batch
        (1, 0.44, [True, True, True]),  # 0.04 from 0.4
        (1, 0.46, [True, True, False]),  # too high: what lowers it stays
        (2, 0.1, [False, True, True]),  # too low: what raises it stays
    ],
)
def test_three_steps_by_hand(step, entropy, kept):
    assert MASK.kept(ADVANTAGES, entropy, step).tolist() == kept
