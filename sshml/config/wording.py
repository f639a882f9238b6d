"""What a configuration's values are called, and what was expected of them, in a user's words."""

import re
from typing import Any

from pydantic import ValidationError

# What pydantic calls the values of a configuration, and what a user calls them.
_PLAIN_WORDS = {
    "a valid string": "text",
    "a valid boolean": "true or false",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid list": "a list",
    "a valid tuple": "a list",
    "an instance of Sequence": "a list",
    "a valid timedelta": "a time DD:HH:MM:SS, such as 00:02:00:00",
}


def expectation(error: ValidationError) -> str:
    """What pydantic expected, all members of a union in one phrase."""
    phrases: list[str] = []
    for problem in error.errors():
        phrase = problem["msg"].removeprefix("Value error, ")
        phrase = phrase.replace("Input should be ", "expected ")
        phrase = re.sub("a valid dictionary( or instance of _.*)?", "a mapping", phrase)
        phrase = re.sub(
            r"Tuple should have at \w+ (\d+) items? after validation, not (\d+)",
            r"expected \1 values, got \2",
            phrase,
        )
        phrase = re.sub(
            r"\w+ should have (at \w+ \d+) items? after validation, not (\d+)",
            r"expected a list of \1, got \2",
            phrase,
        )
        for pydantic, plain in _PLAIN_WORDS.items():
            phrase = phrase.replace(pydantic, plain)
        if problem["type"] == "missing":  # of a tuple
            phrase = "expected more values"
        if phrase not in phrases:
            phrases.append(phrase if not phrases else phrase.removeprefix("expected "))
    return " or ".join(phrases)


def as_typed(value: Any) -> str:
    """A value as one would type it on Hydra's command line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(as_typed, value)) + "]"
    return str(value)
