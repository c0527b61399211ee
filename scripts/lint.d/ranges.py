"""Reads ranges.txt: what a person states of declarations, since no proof sees it."""
import re

COUNT_MAX = 1 << 47


class Mistake(Exception):
    """A line of the file is not understood."""


def read(file):
    """name -> interval; owner -> relations (a, b, k) that mean a - b <= k; predicate -> interval.

    Each statement stands below its reason, which is a line of `#`.
    """
    ranges, relations, when, reason = {}, {}, {}, ""
    for line in file.read_text().splitlines():
        if line.startswith("#"):
            reason = line
        elif not line.strip():
            reason = ""
        else:
            if not reason:
                raise Mistake(f"{file.name}: no reason above: {line}")
            name, _, statement = line.partition(" ")
            if name == "when":
                name, _, statement = statement.partition(" ")
                when[name] = interval(statement)
            elif "<" in statement:
                relations.setdefault(name, []).extend(parse(statement))
            else:
                ranges[name] = interval(statement)
    return ranges, relations, when


def interval(text):
    low, high = text.split("...")
    return number(low), number(high)


def number(text):
    text = text.strip().replace(" ", "")
    if text.startswith("-"):
        return -number(text[1:])
    base, _, power = text.lstrip("+").replace("_", "").partition("^")
    if base == "count":
        return COUNT_MAX
    return int(base) ** int(power) if power else int(base)


def parse(statement):
    """`0 <= self.start <= self.end, self.end <= self.storage.count`"""
    found = []
    for chain in statement.split(","):
        parts = re.split(r"(<=|<)", chain)
        for left, sign, right in zip(parts[0::2], parts[1::2], parts[2::2]):
            (a, m), (b, n) = term(left), term(right)
            found.append((a, b, n - m - (sign == "<")))
    return found


def term(text):
    """`self.end - 4` as its atom and its number."""
    match = re.fullmatch(r"\s*([A-Za-z_][\w.]*)?\s*([+-]?\s*[\d_^]+)?\s*", text)
    if match is None:
        raise Mistake(f"not a sum: {text}")
    return match.group(1) or "", number(match.group(2)) if match.group(2) else 0
