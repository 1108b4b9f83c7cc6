"""Likelihoods under candidate temperatures, by hand."""

import math

import pytest
import torch

from tampo import candidate_log_likelihoods

LOGITS = torch.tensor([[[math.log(4), 0.0], [0.0, math.log(9)], [7.0, 7.0]]])
TOKENS, MASK = torch.tensor([[0, 1, 0]]), torch.tensor([[1, 1, 0]])


def test_two_tokens_by_hand_and_padding_counts_for_nothing():
    # At 1: 4/5 and 9/10. At 0.5 odds are squared: 16/17 and 81/82. At 2 their roots: 2/3 and 3/4.
    expected = [
        [math.log(a * b) / 2 for a, b in [(16 / 17, 81 / 82), (4 / 5, 9 / 10), (2 / 3, 3 / 4)]]
    ]
    found = candidate_log_likelihoods(LOGITS, TOKENS, MASK, [0.5, 1.0, 2.0])
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))
    other = TOKENS.clone()
    other[0, 2] = -100
    torch.testing.assert_close(
        candidate_log_likelihoods(LOGITS, other, MASK, [0.5, 1.0, 2.0]), found
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"logits": LOGITS[0]}, r"shapes \[\(3, 2\), .*legal: \[N, L, V\]"),
        ({"mask": MASK[:, :2]}, r"legal: \[N, L, V\]"),
        ({"candidates": [1.0, 0.0]}, r"candidates holds 0\.0; legal: numbers > 0"),
        ({"mask": 0 * MASK}, "without a token"),
    ],
)
def test_wrong_use_is_refused(change, message):
    arguments = {"logits": LOGITS, "tokens": TOKENS, "mask": MASK, "candidates": [1.0]}
    with pytest.raises(ValueError, match=message):
        candidate_log_likelihoods(**arguments | change)
