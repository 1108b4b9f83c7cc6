r"""Golds changed a little: dressed up, and still right, or spoiled, and wrong.

A mutation returns None for a gold that it does not fit, or whose change might leave it right
under some convention (a unit, a percent sign, a sentence).
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tampo.tools.bench.grading.cases import Case, boxed, settings_of

Mutation = Callable[[str, random.Random], str | None]

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_FRACTION = re.compile(r"\\[dt]?frac\{(\d+)\}\{(\d+)\}")
_SYMBOL = re.compile(r"\\[A-Za-z]+|[A-Za-z]\w*\(|[A-Za-z]")
_WORDS = re.compile(r"\\(?:text|mathrm|mbox|textbf)\s*\{[^}]*\}|[a-z]{4,}(?!\w*\{)")
_FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")

STILL_RIGHT: dict[str, Mutation] = {
    "coloured": lambda gold, _: rf"\color{{red}}{{{gold}}}",
    "bold LaTeX": lambda gold, _: rf"\boldsymbol{{{gold}}}",
    "bold Markdown": lambda gold, _: f"**{gold}**",
    "bold HTML": lambda gold, _: f"<b>{gold}</b>",
    "large": lambda gold, _: rf"\large {gold}",
    "display style": lambda gold, _: rf"\displaystyle {gold}",
    "underlined": lambda gold, _: rf"\underline{{{gold}}}",
    "in braces": lambda gold, _: f"{{{gold}}}",
    "full stop": lambda gold, _: f"{gold}.",
    "thin space": lambda gold, _: rf"{gold}\,",
    "line break": lambda gold, _: rf"{gold} \\",
    "phantom": lambda gold, _: rf"\phantom{{0}}{gold}",
    "invisible character": lambda gold, _: f"\u200b{gold}\u200b",
    "check mark": lambda gold, _: rf"{gold} \checkmark",
    "announced": lambda gold, _: rf"\text{{Answer: }} {gold}",
    "full-width digits": lambda gold, _: _changed(gold, gold.translate(_FULL_WIDTH), _plain(gold)),
}


def _appended(text: str, *, to_numbers: bool = False) -> Mutation:
    def mutate(gold: str, draw: random.Random) -> str | None:
        fits = _plain(gold) if to_numbers else not re.search(r"(^|=|\+|-)\s*0*\.?0*$", gold)
        return f"{gold}{text}" if fits else None

    return mutate


def swapped_case(gold: str, draw: random.Random) -> str | None:
    """Swap the case of one symbol: `Gm` for `GM`."""
    if _WORDS.search(gold) or re.search(r"\d\s*[a-z]{2,}\W*$", gold):
        return None
    symbols = [match for match in _SYMBOL.finditer(gold) if len(match.group()) == 1]
    places = [
        symbol.start()
        for symbol in symbols
        if symbol.group() not in "eidxX" and not gold[: symbol.start()].endswith(("_", "_{"))
    ]
    if not places or len({symbol.group() for symbol in symbols}) < 2:
        return None  # a single symbol may be named at will
    place = draw.choice(places)
    return gold[:place] + gold[place].swapcase() + gold[place + 1 :]


def other_sign(gold: str, draw: random.Random) -> str | None:
    """Give a number or a fraction the other sign."""
    if not (_plain(gold) or _FRACTION.fullmatch(gold.lstrip("-"))) or _is_zero(gold):
        return None
    return gold[1:] if gold.startswith("-") else f"-{gold}"


def other_digit(gold: str, draw: random.Random) -> str | None:
    """Raise one digit by one."""
    if _WORDS.search(gold) or "_" in gold:
        return None
    places = [match.start() for match in re.finditer(r"\d", gold)]
    if not places:
        return None
    place = draw.choice(places)
    return f"{gold[:place]}{(int(gold[place]) + 1) % 10}{gold[place + 1 :]}"


def digits_in_wrong_order(gold: str, draw: random.Random) -> str | None:
    """Swap two neighbouring digits that differ."""
    if not _plain(gold):
        return None
    places = [i for i in range(len(gold) - 1) if gold[i : i + 2].isdigit()]
    places = [i for i in places if gold[i] != gold[i + 1]]
    if not places:
        return None
    i = draw.choice(places)
    return gold[:i] + gold[i + 1] + gold[i] + gold[i + 2 :]


def ten_times(gold: str, draw: random.Random) -> str | None:
    """Append a zero to an integer."""
    return f"{gold}0" if re.fullmatch(r"-?[1-9]\d*", gold) else None


def upside_down(gold: str, draw: random.Random) -> str | None:
    """Swap numerator and denominator."""
    match = _FRACTION.search(gold)
    if match is None or match.group(1) == match.group(2) or "_" in gold:
        return None
    return rf"{gold[: match.start()]}\frac{{{match[2]}}}{{{match[1]}}}{gold[match.end() :]}"


def other_bracket(gold: str, draw: random.Random) -> str | None:
    """Open a closed end of an interval, or close an open finite one."""
    plain = gold.replace(r"\left", "").replace(r"\right", "")
    match = re.fullmatch(r"([\[(])([^,()\[\]]+),([^,()\[\]]+)([\])])", plain)
    if match is None or (match[1] + match[4] in ("()", "[]") and "infty" not in plain):
        return None  # a pair, not an interval
    ends = [i for i, end in ((0, match[2]), (-1, match[3])) if "infty" not in end]
    if not ends:
        return None
    place = draw.choice(ends) % len(plain)
    other = dict(zip("[](", "()[", strict=True)) | {")": "]"}
    return plain[:place] + other[plain[place]] + plain[place + 1 :]


def _elements(gold: str) -> list[str] | None:
    inner = re.fullmatch(r"\(([^()\[\]]+)\)|([^()\[\]{}]+)", gold)
    parts = (inner[1] or inner[2]).split(",") if inner else []
    if len(parts) < 2 or re.search(r"text|and|or|\d,\d{3}(?!\d)|,\\!", gold):
        return None
    return [part.strip() for part in parts]


def _rejoined(gold: str, parts: list[str]) -> str:
    return f"({', '.join(parts)})" if gold.startswith("(") else ", ".join(parts)


def dropped_element(gold: str, draw: random.Random) -> str | None:
    """Leave out one of three or more values, or of two that differ."""
    parts = _elements(gold)
    if parts is None or len(set(parts)) < 2:
        return None
    del parts[draw.randrange(len(parts))]
    return _rejoined(gold, parts) if len(parts) > 1 else parts[0]


def additional_element(gold: str, draw: random.Random) -> str | None:
    """Add a value that is not there."""
    parts = _elements(gold)
    return None if parts is None else _rejoined(gold, [*parts, "8191"])


def repeated_element(gold: str, draw: random.Random) -> str | None:
    """Put the first value in the place of the last."""
    parts = _elements(gold)
    if parts is None or parts[0] == parts[-1]:
        return None
    return _rejoined(gold, [*parts[:-1], parts[0]])


def other_order(gold: str, draw: random.Random) -> str | None:
    """Swap the coordinates of a pair."""
    parts = _elements(gold)
    if parts is None or not gold.startswith("(") or parts[0] == parts[-1]:
        return None
    return _rejoined(gold, parts[::-1]) if len(parts) == 2 else None


def other_relation(gold: str, draw: random.Random) -> str | None:
    """Turn one relation round."""
    pairs = {r"\leq": r"\geq", r"\le": r"\ge", r"\geq": r"\leq", r"\ge": r"\le", "<": ">", ">": "<"}
    found = re.findall(r"\\[lg]eq?(?![A-Za-z])|[<>]", gold)
    return gold.replace(found[0], pairs[found[0]], 1) if len(found) == 1 else None


def other_exponent(gold: str, draw: random.Random) -> str | None:
    """Raise an exponent by one."""
    match = re.search(r"(?<=[A-Za-z)])\^\{?(\d)\}?(?!\d)", gold)
    if match is None or _WORDS.search(gold):
        return None
    return f"{gold[: match.start()]}^{{{int(match[1]) + 1}}}{gold[match.end() :]}"


SPOILED: dict[str, Mutation] = {
    "imaginary": _appended(r"\mathrm{i}"),
    "million": _appended(r"\text{ million}"),
    "minus one": _appended(" minus one"),
    "squared": _appended(r" \text{ squared}", to_numbers=True),
    "dozen": _appended(" dozen", to_numbers=True),
    "half": _appended(r"\text{ and a half}", to_numbers=True),
    "or more": _appended(r" \text{ or more}", to_numbers=True),
    "factorial": _appended("!", to_numbers=True),
    "prime": _appended("'", to_numbers=True),
    "plus x": _appended("+x"),
    "letter case": swapped_case,
    "sign": other_sign,
    "digit": other_digit,
    "digits swapped": digits_in_wrong_order,
    "ten times": ten_times,
    "upside down": upside_down,
    "bracket": other_bracket,
    "element dropped": dropped_element,
    "element added": additional_element,
    "element repeated": repeated_element,
    "pair swapped": other_order,
    "relation": other_relation,
    "exponent": other_exponent,
}


def mutations(records: Iterable[dict[str, Any]], seed: int) -> Iterator[Case]:
    """Yield every mutation of every gold; a record with a tolerance keeps its digits."""
    for record in records:
        settings = settings_of(record)
        for gold in record["answer"]:
            bare = re.sub(r"(?<!\\)\$", "", gold).strip()
            for right, table in ((True, STILL_RIGHT), (False, SPOILED)):
                for kind, mutate in table.items():
                    if not right and "tolerance" in settings and "digit" in kind:
                        continue
                    # A stream of its own: another mutation in the table changes no other.
                    answer = mutate(bare, random.Random(f"{seed}/{kind}/{record['id']}"))
                    if answer is not None:
                        part = "dressed up" if right else "spoiled"
                        yield Case(part, kind, gold, boxed(answer), right, settings)


def _plain(gold: str) -> bool:
    return bool(_NUMBER.fullmatch(gold)) and not (_is_zero(gold) or gold.lstrip("-") in ("1", "2"))


def _is_zero(gold: str) -> bool:
    return bool(re.fullmatch(r"-?0*\.?0*", gold))


def _changed(gold: str, answer: str, fits: bool) -> str | None:
    return answer if fits and answer != gold else None
