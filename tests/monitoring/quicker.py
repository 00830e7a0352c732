"""The same rules, made to run so many times as fast, so that a test need not wait for hours.

Every duration in the rules is divided: the ranges in brackets, `for`, and a group's interval. Expressions, thresholds
and names stay; a recorded `rate1h` of rules made 30 times as fast is the rate of two minutes. There may be durations
nowhere else (`offset`, subqueries, plain numbers that mean seconds of waiting); the tests of the rules see to that.
"""

from __future__ import annotations

import re
from typing import Any

import promql_parser
import yaml

_RANGE = re.compile(r"\[(\w+)\]")


def quicker(rules: str, factor: float) -> str:
    """Return a rule file (YAML) that runs `factor` times as fast."""
    content = yaml.safe_load(rules)
    for group in content["groups"]:
        _divide(group, "interval", factor)
        for rule in group["rules"]:
            rule["expr"] = _RANGE.sub(lambda found: f"[{_divided(found[1], factor)}]", rule["expr"])
            _divide(rule, "for", factor)
    return yaml.safe_dump(content, sort_keys=False)


def _divide(holder: dict[str, Any], key: str, factor: float) -> None:
    if key in holder:
        holder[key] = _divided(holder[key], factor)


def _divided(duration: str, factor: float) -> str:
    seconds = promql_parser.parse_duration(duration).total_seconds()
    return f"{max(1, round(1000 * seconds / factor))}ms"
