"""Entrocraft's mask and EntroPIC's balance: three steps by hand."""

import pytest
import torch

from tampo.training.advantage_weights import AdvantageBalance, AdvantageMask

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
    assert MASK.factors(ADVANTAGES, entropy, step).tolist() == kept


def test_three_steps_of_the_balance_by_hand():
    balance = AdvantageBalance(target=0.5, proportional=1.0, integral=0.1)
    assert balance.factors(ADVANTAGES, None, 0).tolist() == [1, 1, 1]  # nothing is known yet
    # e = 0.2: a = 0.2 + 0.1 * 0.2 = 0.22, so good rollouts, which lower the entropy, weigh more.
    assert balance.factors(ADVANTAGES, 0.7, 1).tolist() == pytest.approx([1.22, 1, 0.78])
    # e = -0.3, sum -0.1: a = -0.3 - 0.01.
    assert balance.factors(ADVANTAGES, 0.2, 2).tolist() == pytest.approx([0.69, 1, 1.31])
    resumed = AdvantageBalance(target=0.5, proportional=1.0, integral=0.1)
    resumed.load_state_dict(balance.state_dict())
    # e = 0.1, sum 0.0: a = 0.1, with and without a stop before.
    for one in (balance, resumed):
        assert one.factors(ADVANTAGES, 0.6, 3).tolist() == pytest.approx([1.1, 1, 0.9])
        assert one.summary(ADVANTAGES) == pytest.approx({"balance": 0.1, "entropy_error_sum": 0.0})
    assert balance.factors(ADVANTAGES, 9.0, 4).tolist() == [2, 1, 0]  # a stays within [-1, 1]
