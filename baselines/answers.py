"""What controllers of the answers' variety have in common: they ask for answers, and count them."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from baselines.bounded import BoundedPolicy
from tampo import RolloutFeedback


class AnswersPolicy(BoundedPolicy):
    """A bounded policy that is shown which rollouts of a group gave the same answer."""

    reads_answers: ClassVar[bool] = True

    def votes(self, feedback: RolloutFeedback) -> list[np.ndarray]:
        """Return for each group how many of its rollouts gave each answer; none at all is one more answer.

        Raises:
            ValueError: the trainer did not tell answers apart.
        """
        if feedback.answers is None:
            raise ValueError(f"{type(self).__name__} needs feedback.answers, got None")
        return [
            np.unique(feedback.answers[feedback.groups == group], return_counts=True)[1]
            for group in np.unique(feedback.groups)
        ]
