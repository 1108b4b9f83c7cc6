"""Words with a meaning in mathematics: functions, operators, numbers; what text answers drop."""

from __future__ import annotations

from fractions import Fraction


def each(text: str) -> list[str]:
    """Return the words of a table of words."""
    return text.split()


GREEK = frozenset(
    each(
        """
alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa varkappa lambda mu
nu xi omicron rho varrho sigma varsigma tau upsilon phi varphi chi psi omega Gamma Delta Theta
Lambda Xi Sigma Upsilon Phi Psi Omega ell hbar mho aleph nabla wp Re Im imath jmath odot oplus
"""
    )
)
ALIASES = {
    "varepsilon": "epsilon", "vartheta": "theta", "varphi": "phi", "varrho": "rho", "varsigma": "sigma",
    "tg": "tan", "ctg": "cot", "arctg": "arctan", "arcctg": "arccot", "cosec": "csc", "asin": "arcsin",
    "acos": "arccos", "atan": "arctan", "sh": "sinh", "ch": "cosh", "ceiling": "ceil",
    "infinity": "infty", "oo": "infty", "inf": "infty",
}  # fmt: skip
TRIGONOMETRIC = frozenset(["sin", "cos", "tan", "cot", "sec", "csc"])
FUNCTIONS = TRIGONOMETRIC | frozenset(
    each(
        """
arcsin arccos arctan arccot arcsec arccsc sinh cosh tanh coth sech csch arsinh artanh arcosh ln
log exp gcd lcm max min abs floor ceil sqrt cbrt det Re Im arg sgn sign deg dim ker Gamma erf lb
lg
"""
    )
)
PLAIN_NAMES = FUNCTIONS | frozenset(
    each(
        """
pi theta alpha beta gamma delta epsilon lambda omega mu tau rho sigma phi psi infty pm cup cap
infinity oo asin acos atan binom frac tg ctg
"""
    )
) - frozenset(["deg", "dim", "ker", "arg", "lb", "Re", "Im"])
ACCENTS = frozenset(
    each(
        """
hat bar vec dot ddot tilde widehat widetilde overrightarrow check acute mathbb mathcal mathfrak
mathscr
"""
    )
)
INVERSES = {
    "sin": "arcsin", "cos": "arccos", "tan": "arctan", "cot": "arccot", "sec": "arcsec", "csc": "arccsc",
    "sinh": "arsinh", "cosh": "arcosh", "tanh": "artanh",
}  # fmt: skip

_ONES = each(
    """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen
"""
)
_TENS = dict(
    zip(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"],
        range(20, 100, 10),
        strict=True,
    )
)
SMALL = {name: value for value, name in enumerate(_ONES)} | _TENS
SCALES = {
    "hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12,
    "quadrillion": 10**15, "dozen": 12, "dozens": 12, "hundreds": 100, "thousands": 1000,
    "millions": 10**6, "billions": 10**9, "lakh": 10**5, "crore": 10**7, "score": 20, "gross": 144,
}  # fmt: skip
_PARTS = {
    "half": 2, "halves": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7,
    "eighth": 8, "ninth": 9, "tenth": 10, "twelfth": 12, "hundredth": 100, "thousandth": 1000,
}  # fmt: skip
PARTS = _PARTS | {
    f"{name}s": value for name, value in _PARTS.items() if name not in ("half", "halves")
}
NUMBER_WORDS = frozenset(SMALL) | frozenset(PARTS)
PERCENT = frozenset(["percent", "pct", "percentage"])

MEANINGFUL = (
    frozenset(SMALL)
    | frozenset(SCALES)
    | frozenset(PARTS)
    | PERCENT
    | frozenset(
        each(
"""
minus plus times over squared cubed factorial negative positive point power root square cube
divided by multiplied and or not no none if for is are was where when with mod modulo odd even
all any each every undefined more less least most than per between from to through until below
above under about approximately roughly nearly almost twice double triple half inverse
reciprocal base e i pi infinity infinite imaginary real complex nth st nd rd th am pm a.m p.m
either neither nor except but unless maybe unknown cannot impossible never zero plusminus sum
product difference quotient remainder greater fewer additional extra other others another at
mean median exactly only both ten tens degree radian
"""
)
    )
)  # fmt: skip
"""Words that are never dropped behind a value."""
NOT_NAMES = frozenset(
    each(
        """
not no none never neither nor except but unless cannot impossible if or and at least most more
less than greater fewer about approximately maybe unknown false wrong incorrect without
"""
    )
)
"""Words that qualify a value, so that what stands before an equals sign is more than its name."""
ARTICLES = frozenset(["a", "an", "the"])
ORDINALS = {
    "first": "1", "second": "2", "third": "3", "fourth": "4", "fifth": "5", "sixth": "6", "seventh": "7",
    "eighth": "8", "ninth": "9", "tenth": "10", "eleventh": "11", "twelfth": "12",
}  # fmt: skip


def read_number(words: list[str]) -> tuple[Fraction, int] | None:
    """Return the number that the first of `words` say and how many say it, or None.

    `twenty one`, `one hundred and five`, `two thirds`; a dozen is twelve.
    """
    total, group, used, seen = 0, 0, 0, False
    last = ""
    for index, word in enumerate(words):
        if word in SMALL:
            if seen and last in SMALL and not (last in _TENS and SMALL[word] < 10 and SMALL[word]):
                return None
            group += SMALL[word]
        elif word == "hundred" and seen and 0 < group < 100:
            group *= 100
        elif word in SCALES and word != "hundred" and seen and group:
            total, group = total + group * SCALES[word], 0
        elif (
            word == "and"
            and last in SCALES
            and words[index + 1 : index + 2]
            and words[index + 1] in SMALL
        ):
            continue
        elif word in PARTS and seen and word not in ("second",):
            return Fraction(total + group, PARTS[word]), index + 1
        elif not seen and word in ("half", "quarter"):
            return Fraction(1, PARTS[word]), 1
        elif not seen and word in ("a", "an") and words[1:2] and words[1] in SCALES:
            group = 1
            seen, used, last = True, index + 1, word
            continue
        else:
            break
        seen, used, last = True, index + 1, word
    return (Fraction(total + group), used) if seen else None


def stem(word: str) -> str:
    """Return what the singular and the plural of a word have in common."""
    word = singular(word)
    return word[:-1] if len(word) > 4 and word.endswith("e") else word


def singular(word: str) -> str:
    """Return a rough singular, the same for both numbers of a word."""
    if len(word) > 3 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("xes", "ches", "shes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
