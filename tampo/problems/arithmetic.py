"""Five families of arithmetic problems: the benchmarks, training problems and pretraining text of
the tiny study.

A family is one benchmark. Its problems come at several lengths, and a problem of any length can be
solved by one small operation per term, carried along from left to right:

| family        | problem    | worked solution before the boxed answer | level               |
| ------------- | ---------- | --------------------------------------- | ------------------- |
| `sums`        | `3+5+2`    | `(03,08,10`                             | number of terms     |
| `alternating` | `9-4+7`    | `(09,05,12`                             | number of terms     |
| `maxima`      | `14v71v52` | `(14,71,71`                             | number of terms     |
| `counts`      | `#3,7,1,4` | `(1,2,3,3` (how many digits are odd)    | number of digits    |
| `products`    | `34*3`     | `(034,068,102`                          | number of additions |

A worked solution writes all its results at one width: term and result are then a regular distance
apart, which a small model learns to follow within a minute.

Training and test problems are disjoint by construction: the split of a problem is a function of its
text alone (`split_of`), so no seed, count or family can bring a test problem into training or
pretraining.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate
from typing import Literal, get_args

from tampo.seeds import derive

Split = Literal["train", "test"]
Strategy = Literal["worked", "guess", "junk"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)

BOX = r"\boxed{"
MARKER = "("
# Junk looks neither like the opening nor like the answer of another strategy.
JUNK_CHARACTERS = "0123456789+-*#v,"
# Every character that a prompt or a completion may hold.
CHARACTERS = JUNK_CHARACTERS + "?=" + MARKER + "}"
JUNK_LENGTHS = range(2, 11)
GUESS_ERRORS = range(1, 4)

# One problem in four is a test problem.
_TEST_DIVISOR = 4
# Draws in a row that may bring nothing new before a level counts as exhausted.
_PATIENCE = 2000


@dataclass(frozen=True)
class Family:
    """One family of problems.

    Attributes:
        levels: the lengths its problems come at.
        draw: `(generator, level) -> problem text`.
        steps: `problem text -> results carried along`, none negative; the last is the answer.
        width: characters a result takes in a worked solution, padded with zeros on the left.
    """

    levels: tuple[int, ...]
    draw: Callable[[random.Random, int], str]
    steps: Callable[[str], list[int]]
    width: int


def _draw_sum(rng: random.Random, level: int) -> str:
    return "+".join(str(rng.randrange(1, 10)) for _ in range(level))


def _draw_alternating(rng: random.Random, level: int) -> str:
    result = rng.randrange(1, 10)
    problem = str(result)
    for i in range(1, level):
        # A term to be taken away is at most the result so far, so that no result is negative.
        term = rng.randrange(0, min(9, result) + 1) if i % 2 else rng.randrange(1, 10)
        result += -term if i % 2 else term
        problem += f"{'-' if i % 2 else '+'}{term}"
    return problem


def _draw_maximum(rng: random.Random, level: int) -> str:
    return "v".join(str(rng.randrange(10, 100)) for _ in range(level))


def _draw_count(rng: random.Random, level: int) -> str:
    return "#" + ",".join(str(rng.randrange(10)) for _ in range(level))


def _draw_product(rng: random.Random, level: int) -> str:
    return f"{rng.randrange(2, 100)}*{level}"


def _running_total(problem: str) -> list[int]:
    return list(accumulate(int(term) for term in problem.replace("-", "+-").split("+")))


def _running_maximum(problem: str) -> list[int]:
    return list(accumulate((int(term) for term in problem.split("v")), max))


def _running_count(problem: str) -> list[int]:
    digits = problem.removeprefix("#").split(",")
    return list(accumulate(int(digit) % 2 for digit in digits))


def _repeated_addition(problem: str) -> list[int]:
    base, times = (int(factor) for factor in problem.split("*"))
    return list(accumulate([base] * times))


FAMILIES: dict[str, Family] = {
    "sums": Family((3, 4, 5, 6), _draw_sum, _running_total, 2),
    "alternating": Family((3, 4, 5, 6), _draw_alternating, _running_total, 2),
    "maxima": Family((2, 3, 4, 5), _draw_maximum, _running_maximum, 2),
    "counts": Family((5, 6, 7, 8), _draw_count, _running_count, 1),
    "products": Family((2, 3, 4, 5), _draw_product, _repeated_addition, 3),
}


def family(name: str) -> Family:
    """Return the family called `name`; ValueError names the families there are."""
    if name not in FAMILIES:
        raise ValueError(f"family {name!r} is unknown; the families are {', '.join(FAMILIES)}")
    return FAMILIES[name]


def split_of(problem: str) -> Split:
    """Return the split that `problem` belongs to, a function of its text alone."""
    first_byte = hashlib.sha256(problem.encode()).digest()[0]
    return "test" if first_byte % _TEST_DIVISOR == 0 else "train"


def draw_problem(name: str, level: int, split: Split, rng: random.Random) -> str:
    """Draw one problem of a family, a level and a split."""
    while True:
        problem = family(name).draw(rng, level)
        if split_of(problem) == split:
            return problem


def generate(name: str, count: int, seed: int, split: Split = "test") -> list[dict]:
    """Return `count` different problems of the family `name` as canonical records.

    The levels take turns, so they are equally frequent up to one. The same arguments give the same
    records, and a larger count only appends. The id of a record is its family and its text.

    Raises:
        ValueError: the family is unknown, or has too few different problems at some level.
    """
    levels = family(name).levels
    rng = random.Random(derive(seed, "arithmetic", split, name))
    records: dict[str, dict] = {}
    while len(records) < count:
        level = levels[len(records) % len(levels)]
        for _ in range(_PATIENCE):
            problem = draw_problem(name, level, split, rng)
            if problem not in records:
                break
        else:
            raise ValueError(
                f"count {count} is too large for family {name!r}: "
                f"no further {split} problem of level {level} after {len(records)} problems"
            )
        records[problem] = {
            "id": f"{name}:{problem}",
            "problem": problem,
            "answer": [str(family(name).steps(problem)[-1])],
            "answer_type": "exact",
            "subject": name,
            "level": level,
        }
    return list(records.values())


def completion(
    name: str, problem: str, strategy: Strategy, guess_accuracy: float, rng: random.Random
) -> str:
    """Return the text with which `strategy` answers `problem`.

    `worked` opens with the marker, carries the result along and boxes it; `guess` boxes a number
    that is right with probability `guess_accuracy`, else off by up to 3; `junk` never boxes.
    """
    if strategy == "junk":
        return "".join(rng.choices(JUNK_CHARACTERS, k=rng.choice(JUNK_LENGTHS)))
    steps = family(name).steps(problem)
    if strategy == "worked":
        results = ",".join(str(step).zfill(family(name).width) for step in steps)
        return f"{MARKER}{results}{BOX}{steps[-1]}}}"
    guess = steps[-1]
    if rng.random() >= guess_accuracy:
        guess += rng.choice((-1, 1)) * rng.choice(GUESS_ERRORS)
    return f"{BOX}{guess}}}"
