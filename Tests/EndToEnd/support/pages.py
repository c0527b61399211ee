"""The pages of docs as a reader follows them: their blocks in order, typed in on a machine.

An indented block is commands. A fenced block is a file's content: the paragraph before it names the file between
backquotes and ends with a colon. Where a sentence of it says "In" before the name, the block goes into the file: a key
of a configuration replaces the key that was there, and lines of any other file come behind its own.
"""

import re
import textwrap
import time
from dataclasses import dataclass

from . import REPOSITORY
from .processes import PATIENCE

NAMED = re.compile(r"`(/[^`\s]+)`")
KEY = re.compile(r"^(?=\w+:)", re.MULTILINE)


@dataclass
class Block:
    """`language` is None for commands; `paragraph` is what stands before the block."""
    section: str
    line: int
    language: str | None
    text: str
    paragraph: str

    @property
    def first(self):
        return self.text.split("\n", 1)[0]

    @property
    def file(self):
        named = NAMED.findall(self.paragraph)
        return named[-1] if self.language is not None and named and self.paragraph.endswith(":") else None

    @property
    def is_part(self):
        return re.search(r"\b[Ii]n$", self.paragraph.partition(f" `{self.file}`")[0]) is not None


def blocks(text):
    """The blocks of a page, in order."""
    found, section, paragraph, lines = [], "", "", text.split("\n")
    at = 0
    while at < len(lines):
        line, begin = lines[at], at
        if line.startswith("```"):
            at = lines.index("```", at + 1)
            found.append(Block(section, begin + 1, line[3:], "\n".join(lines[begin + 1:at]) + "\n", paragraph))
        elif line.startswith("    ") and not lines[at - 1].strip():
            while at + 1 < len(lines) and (lines[at + 1].startswith("    ") or _goes_on(lines, at + 1)):
                at += 1
            text = textwrap.dedent("\n".join(lines[begin:at + 1]))
            found.append(Block(section, begin + 1, None, text + "\n", paragraph))
        elif line.startswith("#"):
            section, paragraph = line.lstrip("# "), ""
        elif line.strip():
            paragraph = f"{paragraph} {line}" if begin and lines[at - 1].strip() else line
        at += 1
    return found


def _goes_on(lines, at):
    """Whether a blank line stands inside an indented block."""
    return not lines[at] and lines[at + 1:at + 2] != [] and lines[at + 1].startswith("    ")


class Walk:
    """Follows a page on a machine, section by section, in a shell that stops at the first command that fails.

    `instead` are pairs of what a page says and what stands for it here; `left_out` are the blocks that are not
    followed, by their first lines, with the reason. `repeated` are those that are typed in again until they succeed,
    because what they show is there within a second. What of these the page does not have is a mistake of the test,
    and so is a block that is neither commands nor a file's content."""

    def __init__(self, machine, page, instead=None, left_out=None, repeated=(), environment=None):
        self.machine, self.page = machine, page
        self.blocks = blocks((REPOSITORY / page).read_text())
        self.all = list(self.blocks)
        self.instead, self.left_out, self.repeated = instead or {}, left_out or {}, repeated
        self.environment = [f"{name}={value}" for name, value in (environment or {}).items()]
        self.unused = {*self.instead, *self.left_out, *self.repeated}

    def through(self, section):
        """Follows the blocks up to the end of a section, and returns what they printed."""
        assert any(each.section == section for each in self.blocks), f"{self.page} has no block left in '{section}'"
        last = max(number for number, each in enumerate(self.blocks) if each.section == section)
        following, self.blocks = self.blocks[:last + 1], self.blocks[last + 1:]
        return "".join([self._follow(block) for block in following])

    def again(self, section):
        """Follows a section that was followed before."""
        for block in self.all:
            if block.section == section:
                self._follow(block)

    def to_the_end(self):
        printed = self.through(self.blocks[-1].section)
        assert not self.unused, f"{self.page} does not have what the test replaces, leaves out or repeats: {self.unused}"
        return printed

    def _follow(self, block):
        if block.first in self.left_out:
            self.unused.discard(block.first)
            return ""
        text = block.text
        for words, others in self.instead.items():
            if words in text:
                self.unused.discard(words)
                text = text.replace(words, others)
        if block.language is None:
            return self._type(block, text)
        assert block.file, f"{self.page}:{block.line}: no sentence says which file this block is"
        self._write(block, text)
        return ""

    def _type(self, block, text):
        """Runs commands; what they print on either stream."""
        words = ["env", *self.environment, "bash", "-euo", "pipefail", "-c", f"exec 2>&1\n{text}"]
        status, printed = self.machine.result(*words, cwd="/")
        if block.first in self.repeated:
            self.unused.discard(block.first)
            deadline = time.monotonic() + PATIENCE
            while status != 0 and time.monotonic() < deadline:
                status, printed = self.machine.result(*words, cwd="/")
        assert status == 0, (f"{self.page}:{block.line}: exit status {status} of\n{text}\n{printed}\n"
                             f"What services said:\n{self.machine.said[-3000:]}")
        return printed

    def _write(self, block, text):
        place = self.machine.path(block.file)
        place.parent.mkdir(parents=True, exist_ok=True)
        before = place.read_text() if block.is_part and place.exists() else ""
        place.write_text(merged(before, text) if block.language == "yaml" else before + text)


def merged(before, text):
    """A configuration in which the keys of a text have taken the place of those that were there."""
    parts = {part.split(":", 1)[0]: part for part in KEY.split(text) if KEY.match(part)}
    kept = [part for part in KEY.split(before) if part.split(":", 1)[0] not in parts]
    return "".join([*kept, *parts.values()])
