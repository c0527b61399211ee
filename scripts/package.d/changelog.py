"""CHANGELOG.md as a Debian changelog.

Usage: changelog.py CHANGELOG.md VERSION EPOCH "NAME <ADDRESS>"

Its first heading has to name VERSION. EPOCH, in seconds since 1970, is the date of a version whose heading has none.
"""

import datetime
import email.utils
import re
import sys
import textwrap

HEADING = re.compile(r"^## (\d+\.\d+\.\d+), (unreleased|\d{4}-\d{2}-\d{2})$", re.M)


def entries(text):
    """The version, the date and the text of each version, the newest first."""
    parts = HEADING.split(text)[1:]
    return list(zip(parts[::3], parts[1::3], parts[2::3]))


def items(text):
    """Each item, each heading and each paragraph as one line; items begin with a dash."""
    blocks = re.split(r"\n(?=\s*- |\s*\n)", text)
    return [line for line in (" ".join(block.split()) for block in blocks) if line]


def entry(version, date, text, epoch, maintainer):
    moment = epoch if date == "unreleased" else datetime.datetime.fromisoformat(date).replace(
        tzinfo=datetime.timezone.utc).timestamp()
    lines = [f"edgeproxy ({version}) stable; urgency=medium", ""]
    for item in items(text):
        mark = "  * "
        if item.startswith("- "):
            mark, item = "    - ", item[2:]
        lines += textwrap.wrap(item.lstrip("#* ").rstrip("*"), 80, initial_indent=mark,
                               subsequent_indent=" " * len(mark), break_long_words=False, break_on_hyphens=False)
    return "\n".join([*lines, "", f" -- {maintainer}  {email.utils.formatdate(moment)}", ""])


def main(file, version, epoch, maintainer):
    with open(file, encoding="utf-8") as source:
        found = entries(source.read())
    if not found or found[0][0] != version:
        raise SystemExit(f"{file}: its first heading must be '## {version}, unreleased' or '## {version}, YYYY-MM-DD'")
    print("\n".join(entry(*each, int(epoch), maintainer) for each in found), end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
