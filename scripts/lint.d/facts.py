"""Differences between values that are known at a place: `index - bytes.count <= -1`."""
import re

ZERO = ""
# A process has 47 bits of addresses, so nothing in memory has more elements than this.
COUNT_MAX = 1 << 47
COUNTS = {"count", "utf8CodeUnitCount", "freeCapacity", "capacity"}
RANGE_ENDS = ((".upperBound", ".lowerBound"), (".endIndex", ".startIndex"))
# Beyond any type.
FAR = 1 << 130


class Facts:
    """An atom is the path of a value, `self.output.count`, or a sum or difference of two, in brackets."""

    def __init__(self, names, constants, counters):
        self.names, self.constants, self.counters = names, constants, counters
        self.facts = {}  # (a, b) -> k: a - b <= k
        self.mutable = {}  # atom -> the names which, when written, change it
        self.scopes = [{}]  # name -> interval, 'variable', or None
        self.types = {}  # atom -> the interval of its type
        self.counts = set()  # atoms that are counts of lists of the standard library
        self.evaluating = set()
        self.invariants = []

    def declare(self, name, interval=None):
        self.forget(name, everything=True)
        self.scopes[-1][name] = interval

    def known(self, name):
        for scope in reversed(self.scopes):
            if name in scope:
                return scope[name]
        return None

    def is_variable(self, name):
        return any(name in scope and scope[name] == "variable" for scope in self.scopes)

    def forget(self, name, everything=False):
        """A value was written: what was known of it no longer holds."""
        gone = {atom for atom, written in self.mutable.items()
                if name in written or (name.startswith(".") and ".*" in written)
                or (everything and name in re.split(r"[^\w$]+", atom))}
        for atom in gone if everything else ():
            self.types.pop(atom, None)
        for pair in [pair for pair in self.facts if pair[0] in gone or pair[1] in gone]:
            del self.facts[pair]

    def forget_members(self):
        """Code of ours ran, which may write any property that is not constant."""
        gone = {atom for atom, written in self.mutable.items() if any(name.startswith(".") for name in written)}
        for pair in [pair for pair in self.facts if pair[0] in gone or pair[1] in gone]:
            del self.facts[pair]
        self.assume_invariants()

    def assume_invariants(self, at_entry=False):
        """What ranges.txt states holds when a function begins, and whenever other code has run."""
        for (a, b, k) in self.invariants:
            if at_entry or a.startswith("self.") or b.startswith("self."):
                for atom in (a, b):
                    steps = atom.split(".")
                    if steps[-1] in COUNTS and (len(steps) > 2 or steps[0] != "self"):
                        self.counts.add(atom)
                    self.mutable.setdefault(atom, {"self", "." + steps[1]} if steps[0] == "self" else set())
                self.learn((a, 0), (b, 0), k)

    def learn(self, a, b, k):
        if a is None or b is None or a[0] == b[0]:
            return
        self.note(a[0], b[0], k - a[1] + b[1])
        # a <= x - y says the same as a + y <= x.
        parts = re.fullmatch(r"\(([^()]*) - ([^()]*)\)", b[0])
        if parts and a[0] and "(" not in a[0]:
            x, y = parts.groups()
            for total in (f"({a[0]} + {y})", f"({y} + {a[0]})"):
                self.mutable[total] = self.mutable.get(a[0], set()) | self.mutable.get(b[0], set())
                self.note(total, x, k - a[1] + b[1])

    def note(self, a, b, bound):
        self.facts[a, b] = min(bound, self.facts.get((a, b), bound))

    def equal(self, a, b):
        self.learn(a, b, 0)
        self.learn(b, a, 0)

    def at_most(self, a, b, k=0):
        """Whether a - b <= k is proved."""
        if a is None or b is None:
            return False
        wanted = k - a[1] + b[1]
        if a[0] == b[0]:
            return wanted >= 0
        return self.distance(b[0], a[0]) <= wanted

    def edges(self, *atoms):
        """(b, a, k) for all that is known: a - b <= k."""
        found = [(y, x, bound) for (x, y), bound in self.facts.items()]
        waiting = {*atoms} | {atom for pair in self.facts for atom in pair}
        known = set()
        while waiting:
            atom = waiting.pop()
            known.add(atom)
            low, high = self.limits(atom)
            found += [(ZERO, atom, high), (atom, ZERO, -low)]
            for upper, lower in RANGE_ENDS:
                if atom.endswith(upper):
                    found.append((atom, atom[:-len(upper)] + lower, 0))
                elif atom.endswith(lower):
                    found.append((atom[:-len(lower)] + upper, atom, 0))
            parts = re.fullmatch(r"\(([^()]*) ([+-]) ([^()]*)\)", atom)
            if parts:
                left, sign, right = parts.groups()
                for x, y in ((left, right), (right, left)) if sign == "+" else ((left, right),):
                    low, high = self.nearest_limits(y)
                    found += [(x, atom, high), (atom, x, -low)] if sign == "+" else [(x, atom, -low), (atom, x, high)]
                waiting |= {left, right} - known
        return found

    def distance(self, start, end):
        """The least k for which end - start <= k is known."""
        edges, distances = self.edges(start, end), {start: 0}
        for _ in range(16):
            changed = False
            for a, b, weight in edges:
                if a in distances and distances[a] + weight < distances.get(b, 1 << 200):
                    distances[b], changed = distances[a] + weight, True
            if not changed:
                break
        return distances.get(end, 1 << 200)

    def nearest_limits(self, atom):
        """The interval of an atom by its type and what is known of it directly."""
        low, high = self.limits(atom)
        return max(low, -self.facts.get((ZERO, atom), -low)), min(high, self.facts.get((atom, ZERO), high))

    def limits(self, atom):
        """The interval of an atom by its type alone."""
        if atom == ZERO:
            return 0, 0
        if atom in self.counts:
            return 0, COUNT_MAX
        return self.types.get(atom, (-FAR, 1 << 130))
