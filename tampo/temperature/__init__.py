"""The method: temperature policies, and TAMPO among them.

meta_policy.py    TAMPO: steps 1 and 4-8 of the paper, then the policy made of them
meta_policy_settings.py, meta_policy_state.py   its settings, with ranges; what it has learned
credit.py         what a rollout batch must be, and its mean over trajectories
simplex.py        sparsemax, min-max, nucleus and draws, in float64
ablations.py      what a switch puts in the place of a step
diagnostics.py, permutation_null.py   what policy.jsonl records about a batch
protocol.py       what a policy is: protocol, base classes, what a run tells it
registry.py       the policies that a study can name
contract.py       a dry run that holds a policy to the protocol
"""
