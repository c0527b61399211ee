"""traps.txt: why the constructs that are listed cannot trap.

    EdgeProxy/Files/RangeParts.swift
      Ranges within a file, none of them empty.
        text.append(decimal: UInt64(range.lowerBound))

A file, its reasons, and below each the lines of source that it is true of, without their indentation. A line that
is there twice is listed twice. Moving code within its file changes nothing here.
"""
from collections import Counter, OrderedDict

UNKNOWN = "?"
HEAD = "# Why none of these lines of Sources can trap; scripts/lint-traps reads it and says how it is kept.\n"


def read(path):
    """file -> reason -> lines, in the order of the file."""
    table, file, reason = OrderedDict(), None, None
    for line in path.read_text().splitlines():
        stripped = line.strip()
        if not stripped or line.startswith("#"):
            continue
        if not line.startswith(" "):
            file, reason = stripped, None
        elif not line.startswith("    "):
            reason = stripped
        else:
            table.setdefault(file, OrderedDict()).setdefault(reason or UNKNOWN, []).append(stripped)
    return table


def text(table):
    """The table as its file has it."""
    lines = []
    for file in sorted(table):
        lines += ["", file]
        for reason, explained in table[file].items():
            lines += [f"  {reason}", *(f"    {line}" for line in explained)]
    return "".join(f"{line}\n" for line in lines)


def compare(table, found):
    """What is found without a reason, and what has a reason and is found no more: file -> lines."""
    missing, stale = OrderedDict(), OrderedDict()
    for file in sorted({*table, *found}):
        known = [lines for reason, lines in table.get(file, {}).items() if reason != UNKNOWN]
        explained = Counter(line for lines in known for line in lines)
        here = Counter(found.get(file, []))
        for into, difference in ((missing, here - explained), (stale, explained - here)):
            if difference:
                into[file] = list(difference.elements())
    return missing, stale


def updated(table, found):
    """The table with what is missing, and without what is stale."""
    missing, stale = compare(table, found)
    result = OrderedDict()
    for file in sorted({*table, *found}):
        gone = Counter(stale.get(file, []))
        for reason, lines in table.get(file, {}).items():
            kept = []
            for line in lines if reason != UNKNOWN else ():
                if gone[line]:
                    gone[line] -= 1
                else:
                    kept.append(line)
            if kept:
                result.setdefault(file, OrderedDict())[reason] = kept
        if file in missing:
            result.setdefault(file, OrderedDict())[UNKNOWN] = missing[file]
    return result
