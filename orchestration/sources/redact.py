"""Personal data is removed here, before anything lands. What a column needs says the contract.

Keyed hashes are HMAC-SHA256 under the deployment's key: equal values stay equal (joins
work), values cannot be guessed without the key. Text is masked by pattern, and only
where the match proves itself (Luhn digit, IBAN checksum), so that ordinary sentences,
ids and amounts come out unchanged.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

_EMAIL = re.compile(r"[A-Za-z0-9._%+\-]+@[A-Za-z0-9](?:[A-Za-z0-9\-]*\.)+[A-Za-z]{2,24}\b")
_CARD = re.compile(r"(?<![\w.+\-])\d(?:[ \-]?\d){12,18}(?![\w\-])")

# Characters of an IBAN by country (registry of ISO 13616): what follows one without a gap, or
# as a capital word, must not hide it from its checksum.
_IBAN_COUNTRIES = {
    15: "NO", 16: "BE", 18: "DK FI FO GL NL SD", 19: "MK SI", 20: "AT BA EE KZ LT LU MN XK",
    21: "CH HR LI LV", 22: "BG BH CR DE GB GE IE ME RS VA", 23: "AE GI IL IQ OM SO TL",
    24: "AD CZ ES MD PK RO SA SE SK TN VG", 25: "LY PT ST", 26: "IS TR",
    27: "BI DJ FR GR IT MC MR SM", 28: "AL AZ BY CY DO GT HN HU LB NI PL SV",
    29: "BR EG PS QA UA", 30: "JO KW MU", 31: "MT SC", 32: "LC", 33: "RU",
}  # fmt: skip
_IBAN = re.compile(
    r"\b(?:"
    + "|".join(
        rf"(?:{names.replace(' ', '|')})\d{{2}}(?: ?[A-Z0-9]){{{length - 4}}}"
        for length, names in _IBAN_COUNTRIES.items()
    )
    + ")"
)
_PHONE = re.compile(
    r"(?<![\w+])(?:\+\d{1,3}[ .\-]?(?:\(\d{1,4}\)[ .\-]?)?\d(?:[ .\-]?\d){6,12}"
    r"|\(\d{3}\) ?\d{3}[ .\-]\d{4}|\d{3}-\d{3}-\d{4})(?![\w\-])"
)
_HINT = re.compile(r"@|\d{3}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+\-]\d\d:?\d\d)")

# Names of projects, kinds and states come again with every object; long texts hardly ever.
_LONGEST_REMEMBERED = 40


def is_luhn(digits: str) -> bool:
    """Say whether the last digit is the Luhn check digit of the others."""
    total = 0
    for position, character in enumerate(reversed(digits)):
        value = int(character) * (1 + position % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def is_iban(text: str) -> bool:
    """Say whether the ISO 13616 checksum holds."""
    compact = text.replace(" ", "")
    if not 15 <= len(compact) <= 34:
        return False
    moved = compact[4:] + compact[:4]
    return int("".join(str(int(c, 36)) for c in moved)) % 97 == 1


def _mask_card(match: re.Match[str]) -> str:
    digits = re.sub(r"\D", "", match.group())
    return "[card]" if is_luhn(digits) and len(set(digits)) > 1 else match.group()


def _mask_iban(match: re.Match[str]) -> str:
    return "[iban]" if is_iban(match.group()) else match.group()


def redact_text(text: str) -> str:
    """Mask e-mail addresses, card numbers, IBANs and telephone numbers in free text."""
    return _masked(text) if len(text) > _LONGEST_REMEMBERED else _remembered(text)


def _masked(text: str) -> str:
    if not _HINT.search(text) or _TIME.fullmatch(text):
        return text
    text = _EMAIL.sub("[email]", text)
    text = _IBAN.sub(_mask_iban, text)
    text = _CARD.sub(_mask_card, text)
    return _PHONE.sub("[phone]", text)


_remembered = lru_cache(maxsize=4096)(_masked)


def redact_strings(value: Any) -> Any:
    """Return the JSON value with every text in it masked; what holds none is returned itself."""
    kind = type(value)
    if kind is str:
        return redact_text(value)
    if kind is dict:
        return {k: redact_strings(v) if type(v) in _WITH_TEXT else v for k, v in value.items()}
    if kind is list:
        return [redact_strings(item) for item in value]
    return value


_WITH_TEXT = frozenset({str, dict, list})


def redacted_column(values: list[str | None]) -> list[str | None]:
    """Return texts with each masked; most columns hold nothing to mask, and that shows at once."""
    if not may_hold_personal_data("\n".join(filter(None, values)).encode()):
        return values
    return [None if v is None else redact_text(v) for v in values]


def _classes() -> bytes:
    """Digits become 0, capital letters A; bytes that may begin another script's digit become NUL.

    No digit is encoded by beginning with C2 to D3 (Latin to Cyrillic) or E2 to E9 without the
    rarer scripts of EA (punctuation, CJK).
    """
    table = bytearray(range(256))
    table[ord("0") : ord("9") + 1] = b"0" * 10
    table[ord("A") : ord("Z") + 1] = b"A" * 26
    table[0x80:0xC0] = b"x" * 0x40
    table[0xC0:] = bytes(0x40)
    table[0xC2:0xD4] = b"x" * 0x12
    table[0xE2:0xEA] = b"x" * 8
    return bytes(table)


_CLASSES = _classes()


def may_hold_personal_data(json_text: bytes) -> bool:
    """Say whether a pattern may match in a text or in JSON; no is certain, yes is a guess.

    No character of the patterns is escaped in JSON, so a match stands there as it is.
    """
    if b"@" in json_text:
        return True
    tight = json_text.translate(_CLASSES, b" ")
    if b"\x00" in tight or b"AA00" in tight or b"(000)000" in tight or b"000-000-0000" in tight:
        return True
    bare = tight.translate(None, b"-.()")
    return b"0000000000000" in bare or b"+00000000" in bare


def mask_emails(value: Any) -> Any:
    """Return the JSON value with the addresses in its texts and in its objects' keys masked."""
    kind = type(value)
    if kind is str:
        return _EMAIL.sub("[email]", value) if "@" in value else value
    if kind is dict:
        return {mask_emails(k): mask_emails(v) for k, v in value.items()}
    if kind is list:
        return [mask_emails(item) for item in value]
    return value


def hasher(key: bytes) -> Callable[[str | None], str | None]:
    """Return the keyed hash: HMAC-SHA256 in hex of the trimmed, lower-cased text."""
    digest = hmac.digest

    def keyed_hash(value: str | None) -> str | None:
        if value is None:
            return None
        return digest(key, value.strip().lower().encode(), "sha256").hex()

    return keyed_hash
