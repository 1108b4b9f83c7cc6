r"""How an answer looks, taken away: `plain` leaves the LaTeX of its content.

Colour, weight, size, spacing, HTML, Markdown, full-width and mathematical Unicode, check marks,
"The answer is", closing full stops. Nothing that can carry meaning goes: a decoration whose
meaning is unknown stays and makes the answer unreadable.
"""

from __future__ import annotations

import html
import re
import unicodedata

_CHARACTERS = {
    "\u2212": "-", "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-",
    "\ufe63": "-", "×": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "∙": r"\cdot ", "•": r"\cdot ",
    "∗": "*", "÷": r"\div ", "∕": "/", "⁄": "/", "∞": r"\infty ", "°": r"^{\circ}", "º": r"^{\circ}",
    "≤": r"\le ", "⩽": r"\le ", "≥": r"\ge ", "⩾": r"\ge ", "≠": r"\ne ", "≈": r"\approx ",
    "≅": r"\cong ", "≡": r"\equiv ", "∪": r"\cup ", "∩": r"\cap ", "∖": r"\setminus ",
    "∈": r"\in ", "∅": r"\emptyset ", "±": r"\pm ", "∓": r"\mp ", "√": r"\sqrt ", "∛": r"\sqrt[3]",
    "∜": r"\sqrt[4]", "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "ℕ": r"\mathbb{N}", "ℚ": r"\mathbb{Q}",
    "ℂ": r"\mathbb{C}", "⌊": r"\lfloor ", "⌋": r"\rfloor ", "⌈": r"\lceil ", "⌉": r"\rceil ",
    "⟨": r"\langle ", "⟩": r"\rangle ", "〈": r"\langle ", "〉": r"\rangle ", "→": r"\to ",
    "⇒": r"\Rightarrow ", "∴": r"\therefore ", "′": "'", "″": "''", "’": "'", "‘": "'", "∠": r"\angle ",
    "△": r"\triangle ", "∨": r"\lor ", "∧": r"\land ", "∑": r"\sum ", "∏": r"\prod ", "∫": r"\int ",
    "…": r"\ldots ", "⋯": r"\ldots ", "‰": "‰", "。": ".", "．": ".", "、": ",", "،": ",", "；": ";",
    "।": ".", "۔": ".", "“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "∣": "|", "∥": r"\|",
    "ø": r"\emptyset ", "µ": "µ", "ℓ": r"\ell ", "ħ": r"\hbar ", "∂": r"\partial ", "∆": r"\Delta ",
    "Ω": r"\Omega ", "ϕ": r"\phi ", "ϵ": r"\epsilon ",
}  # fmt: skip
_GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho varsigma"
    " sigma tau upsilon phi chi psi omega"
)
for _index, _name in enumerate(_GREEK.split()):
    _CHARACTERS[chr(0x3B1 + _index)] = f"\\{_name} "
    if _name not in ("omicron", "varsigma"):
        _CHARACTERS[chr(0x391 + _index)] = f"\\{_name.capitalize()} "
_CHARACTERS |= dict.fromkeys("✓✔✅☑🎉", "")
_UP = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ", "0123456789+-=()ni", strict=True))
_DOWN = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₙₖₘₓᵢⱼ", "0123456789+-=()aenkmxij", strict=True))
_RUN_UP = re.compile(f"[{''.join(map(re.escape, _UP))}]+")
_RUN_DOWN = re.compile(f"[{''.join(map(re.escape, _DOWN))}]+")

_WRAPPERS = (
    "boldsymbol|bm|pmb|mathbf|mathit|mathnormal|mathsf|mathtt|underline|uline|emph|boxed|fbox|framebox"
    "|ensuremath|mathop|mathord|mathrel|mathbin|mathclose|mathopen|mathinner|textstyle|displaystyle"
    "|scriptstyle|scriptscriptstyle|limits|nolimits|left|right|middle"
    "|tiny|scriptsize|footnotesize|small|normalsize|large|Large|LARGE|huge|Huge|bfseries|itshape"
    "|bf|it|sf|tt|mathstrut|strut|null|noindent|centering|par|protect|relax|hfill|num"
    "|(?:big|Big|bigg|Bigg)[lrm]?|therefore|because|checkmark|square|blacksquare|qed|star(?=\\s*$)"
    "|textquotedblleft|textquotedblright|textquoteleft|textquoteright"
    "|underbrace|overbrace|smash|hbox"
)
_SPACES = "quad|qquad|thinspace|enspace|medspace|thickspace|space|nobreakspace|null"
_TEX = [
    (re.compile(pattern), replacement)
    for pattern, replacement in [
        (r"\\\\\s*\[\s*-?[\d.]+\s*(?:pt|em|ex|mm|cm)\s*\]", r"\\\\"),
        (r"(?<=\d)\s*(?:\\,)?\s*\\(?:mathrm|text|operatorname)\s*\{\s*[eE]\s*\}\s*\{?([+-]?\d+)\}?", r"e\1"),
        (r"&\s*=|=\s*&", "="),
        (r",\\!\s*", ","),
        (r"\\!", ""),
        (r"(?<=\d)\{,\}(?=\d{3}(?!\d))", ","),
        (r"(?<=\d)\{,\}(?=\d)", "."),
        (r"(?<=\d)\{\.\}(?=\d)", "."),
        (rf"(?<!\\)\\(?:[,;:> ]|(?:{_SPACES})(?![A-Za-z]))|(?<![\\~])~(?!~)", " "),
        (r"\\(?:hspace|vspace|hphantom|vphantom|phantom|tag|label|mspace)\*?\s*\{[^{}]*\}", " "),
        (r"\\(?:m|h)?skip\s*-?[\d.]+\s*(?:mu|pt|em|ex)", " "),
        (r"\\(?:color|pagecolor)\s*(?:\[[^\]]*\])?\s*\{[^{}]*\}", ""),
        (r"\\(?:textcolor|colorbox|cellcolor)\s*(?:\[[^\]]*\])?\s*\{[^{}]*\}", ""),
        (r"\\fcolorbox\s*\{[^{}]*\}\s*\{[^{}]*\}", ""),
        (r"\\(?:left|right)\s*\.", ""),
        (rf"\\(?:{_WRAPPERS})(?![A-Za-z])\*?", " "),
        (r"\\(?:textrm|textnormal|textup|textsf|texttt|textbf|textit|textsc|mbox)(?![A-Za-z])", r"\\text"),
        (r"\{\s*\\rm\s+([^{}]*)\}", r"\\text{\1}"),
        (r"\\rm(?![A-Za-z])", " "),
        (r"\\(?:dfrac|tfrac|cfrac|sfrac|nicefrac|xfrac|flatfrac)(?![A-Za-z])", r"\\frac"),
        (r"\\[dt]binom(?![A-Za-z])", r"\\binom"),
        (r"\\SI\s*\{([^{}]*)\}\s*\{", r"\1 \\siunit{"),
        (r"\\(?:si|unit)\s*\{", r" \\siunit{"),
        (r"\\qty\s*\{([^{}]*)\}\s*\{", r"\1 \\siunit{"),
        (r"\\ang\s*\{([^{}]*)\}", r"{\1}^{\\circ}"),
        (r"\\(?:lvert|rvert|vert|mid)(?![A-Za-z])", "|"),
        (r"\\(?:lVert|rVert|Vert)(?![A-Za-z])", r"\\|"),
        (r"\\(?:lbrace)(?![A-Za-z])", r"\\{"),
        (r"\\(?:rbrace)(?![A-Za-z])", r"\\}"),
        (r"\\lbrack(?![A-Za-z])", "["),
        (r"\\rbrack(?![A-Za-z])", "]"),
        (r"\\lt(?![A-Za-z])", "<"),
        (r"\\gt(?![A-Za-z])", ">"),
        (r"\\degrees?(?![A-Za-z])|\\celsius(?![A-Za-z])", r"^{\\circ}"),
        (r"\\(?:USD|usd)(?![A-Za-z])", " "),
        (r"\{\s*([-+=<>:.|/])\s*\}", r"\1"),
        (r"\\\$|\\pounds(?![A-Za-z])|\\euro(?![A-Za-z])", " "),
        (r"\$+|(?<!\\)\\[()\[\]]", " "),
        (r"\\%", "%"),
        (r"\s+", " "),
    ]
]  # fmt: skip
_MODULE = re.compile(r"(?<![A-Za-z\\])(?:np|numpy|math|sympy)\.(?=[a-z])")
_TAGS = "b|i|u|em|strong|span|font|p|div|center|mark|big|small|code|tt|br"
_HTML = re.compile(rf"</?(?:{_TAGS})(?:\s[^<>]*)?/?>", re.I)
_HTML_UP = re.compile(r"<sup>(.*?)</sup>", re.I)
_HTML_DOWN = re.compile(r"<sub>(.*?)</sub>", re.I)
_ENTITY = re.compile(r"&(?:[a-zA-Z]+|#\d+|#x[0-9a-fA-F]+);")
_SAID = (
    r"(?:(?:so|thus|hence|therefore)\b,?\s*)?(?:(?:the|our|my|your)\s+)?(?:(?:final|correct|required|desired|exact|numerical|numeric)\s+)*"
    r"(?:answer|result|value|solution|ans)s?(?:\s+to\s+the\s+(?:problem|question))?(?:\s*(?:is|are|was|equals))?(?:\s+therefore|\s+thus)?"
    r"(?:\s*:)?\s*(?:=\s*)?"
    r"|(?:so|thus|hence|therefore)\b\s*[,:]?\s*"
    r"|(?:答案|最终答案|答)(?:是|为)?\s*[:：]?\s*|ответ\s*[:：-]?\s*|r[ée]ponse\s*[:：]\s*|respuesta\s*[:：]\s*|antwort\s*[:：]\s*"
    r"|resposta\s*[:：]\s*|risposta\s*[:：]\s*|정답\s*[:：]?\s*|답\s*[:：]\s*|答え\s*[:：]?\s*"
)
_PREFIX = re.compile(rf"^(?:{_SAID})(?=\S)(?![A-Za-z])", re.I)
_PREFIX_WORD = re.compile(
    r"^(?:(?:thus|hence|therefore)\b\s*[,:]?\s+|(?:(?:so|thus|hence|therefore)\b,?\s*)?(?:(?:the|our|my)\s+)?(?:(?:final|correct|required)\s+)*"
    r"(?:answer|result|solution|value)\s*(?:is|are|:|equals|would be)\s*:?\s+)(?=[A-Za-z])",
    re.I,
)
_PREFIX_TEXT = re.compile(rf"^\\text\s*\{{\s*(?:{_SAID})\}}\s*[:=]?\s*(?=\S)", re.I)
_PREFIX_IN_TEXT = re.compile(rf"^\\text\s*\{{\s*(?:{_SAID})(?=\S)(?![A-Za-z}}])", re.I)
_LEAD = re.compile(
    r"^(?:=|\\(?:approx|simeq|sim|Rightarrow|implies|to|rightarrow|Longrightarrow|cong)(?![A-Za-z])|:)\s*"
)
_TRAIL = re.compile(r"(?:\s|\\\\|(?<!\\)[;,:]|(?<![.\\])\.(?=\s*$)|(?<!\\)\\$)+$")
_SIMPLE = re.compile(r"[-+]?[0-9./]+[0-9]|[0-9]")


def plain(text: str) -> str:
    """Return `text` without what does not change its meaning; linear or nearly so."""
    if _SIMPLE.fullmatch(text):
        return text
    if not text.isascii():
        text = _ascii(text)
    if "." in text:
        text = _MODULE.sub("", text)
    if "&" in text or "<" in text:
        text = _without_html(text)
    if any(mark in text for mark in "\\${~"):
        if "\\left" in text and "\\right" in text:
            text = re.sub(
                r"\\left\s*\\?\{\s*(\\begin\s*\{(?:array|aligned)\})", r"\\cases \1", text
            )
        for pattern, replacement in _TEX:
            text = pattern.sub(replacement, text)
    elif "  " in text:
        text = " ".join(text.split())
    return _unwrapped(text).replace("**", "^")


def _unwrapped(text: str) -> str:
    while True:
        before = text
        text = _TRAIL.sub("", text).strip()
        text = _LEAD.sub("", text)
        for mark in ("**", "__", "*", "_", "`", '"', "'", "~~"):
            inner = text[len(mark) : -len(mark)]
            if (
                len(text) > 2 * len(mark)
                and text.startswith(mark)
                and text.endswith(mark)
                and mark not in inner
                and mark != "~~"
            ):
                text = inner
        if text.startswith("``") and text.endswith("''"):
            text = text[2:-2]
        if text.startswith("{") and _closes_at_end(text):
            text = text[1:-1].strip()
        if text.startswith("# "):
            text = text.lstrip("# ")
        text = _PREFIX_TEXT.sub("", text)
        text = _PREFIX_IN_TEXT.sub(r"\\text{", text)
        text = _PREFIX.sub("", text) if len(text) > 2 else text
        text = _PREFIX_WORD.sub("", text)
        if text == before:
            return text


def _closes_at_end(text: str) -> bool:
    """Whether the brace that opens `text` is closed by its last character."""
    depth, escaped = 0, False
    for position, character in enumerate(text):
        if not escaped and character in "{}":
            depth += 1 if character == "{" else -1
            if depth == 0:
                return position == len(text) - 1
        escaped = character == "\\" and not escaped
    return False


def _ascii(text: str) -> str:
    text = _RUN_UP.sub(lambda run: "^{" + "".join(_UP[c] for c in run.group()) + "}", text)
    text = _RUN_DOWN.sub(lambda run: "_{" + "".join(_DOWN[c] for c in run.group()) + "}", text)
    return "".join(map(_character, text))


def _character(character: str) -> str:
    if character.isascii():
        return character
    known = _CHARACTERS.get(character)
    if known is not None:
        return known
    category = unicodedata.category(character)
    if category in ("Cf", "Mn", "Me") and character not in "\u0305\u0307":
        return ""
    if category in ("Zs", "Zl", "Zp"):
        return " "
    if category == "Nd":
        return str(unicodedata.decimal(character))
    if category == "No" and "⁄" in unicodedata.normalize("NFKC", character):
        top, _, bottom = unicodedata.normalize("NFKC", character).partition("⁄")
        return rf"\frac{{{top}}}{{{bottom}}}"
    form = unicodedata.normalize("NFKC", character)
    if form != character:
        return "".join(_CHARACTERS.get(part, part) for part in form)
    return character


def _without_html(text: str) -> str:
    text = _HTML_UP.sub(r"^{\1}", text)
    text = _HTML_DOWN.sub(r"_{\1}", text)
    if "</" in text or re.search(r"<br\s*/?>", text, re.I):
        text = _HTML.sub(" ", text)
    return _ENTITY.sub(lambda entity: _named(entity.group()), text)


def _named(entity: str) -> str:
    character = html.unescape(entity)
    return entity if character == entity else "".join(map(_character, character))
