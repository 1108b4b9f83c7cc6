"""Ablations of the meta-policy: what a switch of its settings puts in the place of a step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tampo.temperature import simplex
from tampo.temperature.meta_policy_settings import MetaPolicySettings
from tampo.temperature.protocol import FloatArray

Normaliser = Callable[[FloatArray], FloatArray]


def normalisation(settings: MetaPolicySettings, default: Normaliser) -> Normaliser:
    """Return the map of step 5 from [N, K] log-likelihoods to weights: `default`, or an ablation."""
    chosen = simplex.softmax if settings.normalisation == "softmax" else default
    if not settings.standardise:
        return chosen
    return lambda log_likelihoods: chosen(standardised(log_likelihoods))


def standardised(log_likelihoods: FloatArray) -> FloatArray:
    """Return (ℓ_k − mean_j ℓ_j) / std_j ℓ_j of each row (population); equal ℓ give zeros."""
    centred = log_likelihoods - log_likelihoods.mean(axis=1, keepdims=True)
    # Equal entries are found exactly: their computed mean can miss them by an ulp, and dividing
    # that by its own standard deviation would turn the rounding error into credit of order one.
    equal = np.ptp(log_likelihoods, axis=1, keepdims=True) == 0
    deviation = np.sqrt(np.mean(centred**2, axis=1, keepdims=True))
    return np.where(equal, 0.0, centred / np.where(equal, 1.0, deviation))


def policy_gradient_step(
    logits: FloatArray, credit: FloatArray, settings: MetaPolicySettings
) -> FloatArray:
    """Return the logits θ [K] after a batch; without the ablation they stay what they are.

    With it, π = softmax(θ) takes the place of steps 7 and 8, and a batch takes one exact gradient
    step on the expected credit Σ_k π_k 𝒜_B^(k):

        θ_k ← θ_k + learning_rate · π_k (𝒜_B^(k) − Σ_j π_j 𝒜_B^(j)).

    Credit is known for every candidate, so the expectation over k replaces the sampled REINFORCE
    term, with the expected credit as its baseline. Ā is still kept and reported.
    """
    if settings.update != "policy-gradient":
        return logits
    policy = simplex.softmax(logits)
    return logits + settings.learning_rate * policy * (credit - policy @ credit)
