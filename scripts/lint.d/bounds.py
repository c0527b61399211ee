"""What is known of numbers at a place: between which numbers each lies, by its type and by the facts."""
import re

from facts import COUNT_MAX, COUNTS, FAR, ZERO, Facts
from tree import CALLS, Call, bare

WIDTHS = {"Int8": 8, "Int16": 16, "Int32": 32, "Int64": 64, "Int": 64, "Int128": 128}
RANGES = {f"Swift.{name}": (-(1 << bits - 1), (1 << bits - 1) - 1) for name, bits in WIDTHS.items()}
RANGES |= {f"Swift.U{name}": (0, (1 << bits) - 1) for name, bits in WIDTHS.items()}
SAME_COUNT = {"span", "mutableSpan", "indices", "lazy"}
CONVERSIONS = re.compile(r"^\(extension in Swift\):Swift\.(Signed|Unsigned|FixedWidth)Integer.*\.init"
                         r"<A where A1: Swift\.BinaryInteger>\((exactly: |clamping: |truncatingIfNeeded: |)A1\) -> A"
                         r"|^Swift\.U?Int128\.init<A where A: Swift\.BinaryInteger>\(A\)")


def meet(a, b):
    return max(a[0], b[0]), min(a[1], b[1])


class Bounds(Facts):
    """Facts, and how expressions become atoms and intervals."""

    def path(self, node):
        """The path of a value that has one, with the names that can change it."""
        node = bare(node)
        kind = node.get("_kind")
        if kind == "declref_expr":
            name = node["decl"].get("base_name", "")
            usr = node["decl"].get("decl_usr", "")
            if usr:
                return (usr, set()) if usr in self.constants.lets else None
            return name, ({name} if self.is_variable(name) or name == "self" else set())
        if kind == "subscript_expr" and len(node["args"].get("args", [])) == 1 and self.type_range(node):
            held, index = self.path(node["base"]), self.linear(node["args"]["args"][0]["expr"])
            if held is None or index is None:
                return None
            at = f"{index[0]}{index[1]:+d}" if index[0] and index[1] else index[0] or str(index[1])
            return f"{held[0]}[{at}]", held[1] | self.mutable.get(index[0], set()) | {"[" + held[0]}
        if kind in ("member_ref_expr", "tuple_element_expr") and isinstance(node.get("base"), dict):
            held = self.path(node["base"])
            if held is None:
                return None
            if kind == "tuple_element_expr":
                place = node.get("field", node.get("#", ""))
                return f"{held[0]}.{place}", held[1]
            name, usr = node["decl"].get("base_name", ""), node["decl"].get("decl_usr", "")
            if usr in self.constants.lets and not (held[1] - {"self"}):
                return f"{held[0]}.{name}", held[1] - {"self"}
            if self.constants.is_ours(usr):
                return f"{held[0]}.{name}", held[1] | {"." + name if usr in self.constants.stored else ".*"}
            if name in SAME_COUNT:
                return held
            if usr.startswith("s:") and name in COUNTS:
                self.counts.add(f"{held[0]}.{name}")
            return f"{held[0]}.{name}", held[1]
        return None

    def linear(self, node):
        """The node as an atom and a constant: `count - 4` is ('count', -4)."""
        node = bare(node)
        kind = node.get("_kind")
        number = self.literal(node)
        if number is not None:
            return ZERO, number
        if kind in CALLS:
            call = Call(node)
            if call.name in ("+", "-") and len(call.arguments) == 2 and self.type_range(node):
                left, right = (self.linear(argument) for argument in call.arguments)
                if left and right:
                    if right[0] == ZERO:
                        return left[0], left[1] + (right[1] if call.name == "+" else -right[1])
                    if call.name == "+" and left[0] == ZERO:
                        return right[0], left[1] + right[1]
                    atom = f"({left[0]} {call.name} {right[0]})"
                    self.mutable[atom] = self.mutable.get(left[0], set()) | self.mutable.get(right[0], set())
                    return atom, left[1] + (right[1] if call.name == "+" else -right[1])
            if call.name == "init" and len(call.arguments) == 1 and self.is_conversion(call) == "plain":
                return self.linear(call.arguments[0])
            return None
        held = self.path(node)
        if held is None or not (self.type_range(node) or held[0].endswith(".count")):
            return None
        self.mutable[held[0]] = held[1]
        return held[0], 0

    def literal(self, node):
        if node.get("_kind") == "integer_literal_expr":
            return int(node["value"].replace("_", ""), 0) * (-1 if node.get("negative") else 1)
        if node.get("_kind") in ("declref_expr", "member_ref_expr"):
            usr = node["decl"].get("decl_usr", "")
            interval = self.constant(usr) if usr else None
            if interval and interval[0] == interval[1]:
                return interval[0]
        return None

    def constant(self, usr):
        """The value of a constant with an initializer."""
        initializer = self.constants.values.get(usr)
        if initializer is None or usr in self.evaluating:
            return None
        self.evaluating.add(usr)
        try:
            return self.interval(initializer)
        finally:
            self.evaluating.discard(usr)

    def assume(self, node, holds=True):
        """The condition `node` was true, or false."""
        node = bare(node)
        kind = node.get("_kind")
        if kind == "member_ref_expr" and node["decl"].get("base_name") == "isEmpty" and not self.constants.is_ours(
                node["decl"].get("decl_usr", "")):
            self.learn_count(node["base"], not holds)
        if kind not in CALLS:
            return
        call = Call(node)
        name, arguments = call.name, call.arguments
        implied = self.constants.implied(call.usr)
        if implied and holds and len(arguments) == 1:
            value = self.linear(arguments[0])
            self.learn((ZERO, implied[0]), value, 0)
            self.learn(value, (ZERO, implied[1]), 0)
        if name == "!" and len(arguments) == 1:
            self.assume(arguments[0], not holds)
        elif (name == "&&" and holds) or (name == "||" and not holds):
            for argument in arguments:
                self.assume(argument, holds)
        elif name == "contains" and holds and call.owner is not None and len(arguments) == 1:
            self.assume_within(call.owner, self.linear(arguments[0]))
        elif name == "~=" and holds and len(arguments) == 2:
            self.assume_within(arguments[0], self.linear(arguments[1]))
        elif len(arguments) == 2:
            a, b = self.linear(arguments[0]), self.linear(arguments[1])
            if a is None or b is None:
                # A fact about an expression without a path still bounds the other side by an interval.
                a, b = self.nearest(a, arguments[0]), self.nearest(b, arguments[1])
            if not holds:
                name = {"<": ">=", ">=": "<", ">": "<=", "<=": ">", "==": "!=", "!=": "=="}.get(name, "")
            self.compare(name, a, b)

    def compare(self, name, a, b):
        low = lambda side: side[0] if isinstance(side, list) else side
        high = lambda side: side[1] if isinstance(side, list) else side
        if name in ("<", "<=", "=="):
            self.learn(low(a), high(b), -1 if name == "<" else 0)
        if name in (">", ">=", "=="):
            self.learn(low(b), high(a), -1 if name == ">" else 0)

    def nearest(self, linear, node):
        if linear is not None:
            return linear
        interval = self.interval(node)
        return None if interval is None else [(ZERO, interval[0]), (ZERO, interval[1])]

    def learn_count(self, base, some):
        held = self.path(base)
        if held is None:
            return
        atom = held[0] + ".count"
        self.counts.add(atom)
        self.mutable[atom] = held[1]
        self.learn(*(((ZERO, 1), (atom, 0), 0) if some else ((atom, 0), (ZERO, 0), 0)))

    def assume_within(self, node, value):
        node = bare(node)
        if node.get("_kind") not in CALLS or value is None:
            return
        call = Call(node)
        if call.name in ("...", "..<") and len(call.arguments) == 2:
            low, high = self.linear(call.arguments[0]), self.linear(call.arguments[1])
            self.learn(low, value, 0)
            self.learn(value, high, -1 if call.name == "..<" else 0)

    def type_range(self, node):
        return RANGES.get(self.names.type_of(node))

    def is_conversion(self, call):
        found = CONVERSIONS.match(self.names.declaration(call.usr))
        return (found.group(2) or "plain").strip(": ") if found else None

    def interval(self, node):
        """Between which numbers the value lies; None where the type has no bounds."""
        node = bare(node)
        whole = self.type_range(node)
        if whole is None:
            return None
        kind, found = node.get("_kind"), None
        number = self.literal(node)
        if number is not None:
            return number, number
        if kind in CALLS:
            found = self.result(Call(node))
        elif kind in ("member_ref_expr", "declref_expr"):
            found = self.value(node)
        elif kind == "ternary_expr":
            sides = [self.interval(node[side]) for side in ("then_expr", "else_expr")]
            found = (min(s[0] for s in sides), max(s[1] for s in sides)) if all(sides) else None
        found = meet(whole, found) if found else whole
        return self.refined(node, found)

    def refined(self, node, interval):
        linear = self.linear(node)
        if linear is None or linear[0] == ZERO or not self.facts:
            return interval
        atom, constant = linear
        self.types.setdefault(atom, self.type_range(node) if constant == 0 else (-FAR, FAR))
        if not any(atom in pair for pair in self.facts):
            return interval
        return meet(interval, (constant - self.distance(atom, ZERO), constant + self.distance(ZERO, atom)))

    def value(self, node):
        name, usr = node["decl"].get("base_name", ""), node["decl"].get("decl_usr", "")
        if usr.startswith("s:") and name in COUNTS and not self.constants.is_ours(usr):
            return 0, COUNT_MAX
        if name in ("size", "stride") and "MemoryLayout" in self.names.declaration(usr):
            return 0, 1 << 20
        if name in ("nonzeroBitCount", "leadingZeroBitCount", "trailingZeroBitCount"):
            return 0, 128
        stated = self.constants.stated(usr)
        if stated:
            return stated
        if usr and usr in self.counters:
            return self.counters[usr]
        if usr:
            return self.constant(usr)
        known = self.known(name)
        return known if isinstance(known, tuple) else self.counters.get(("local", name, self.constants.function))

    def result(self, call):
        stated = self.constants.stated(call.usr)
        if stated:
            return stated
        conversion = self.is_conversion(call)
        sides = [self.interval(argument) for argument in call.arguments]
        if conversion:
            return sides[0] if conversion != "truncatingIfNeeded" or self.fits(call, sides[0]) else None
        if call.name == "init" and call.labels == ["ascii"]:
            return 0, 127
        if call.name == "-" and len(sides) == 1 and sides[0]:
            return -sides[0][1], -sides[0][0]
        if len(sides) != 2 or None in sides:
            return None
        (a, b), (c, d) = sides
        match call.name:
            case "+":
                return a + c, b + d
            case "-":
                low, high = a - d, b - c
                x, y = (self.linear(argument) for argument in call.arguments)
                if self.at_most(y, x):
                    low = max(low, 0)
                return low, high
            case "*":
                products = [x * y for x in (a, b) for y in (c, d)]
                return min(products), max(products)
            case "/" if c > 0:
                quotients = [int(abs(x) // y) * (1 if x >= 0 else -1) for x in (a, b) for y in (c, d)]
                return min(quotients), max(quotients)
            case "%" if c > 0:
                return (0 if a >= 0 else 1 - d), min(d - 1, b) if b >= 0 else 0
            case "&" if a >= 0 or c >= 0:
                return 0, min(b if a >= 0 else d, d if c >= 0 else b)
            case "|" | "^" if a >= 0 and c >= 0:
                return 0, (1 << max(b, d).bit_length()) - 1
            case ">>" if a >= 0 and c >= 0:
                return a >> min(d, 200), b >> min(c, 200)
            case "<<" if a >= 0 and 0 <= c == d < 128:
                shifted = a << c, b << d
                whole = self.type_range(call.node)
                return shifted if whole and shifted[1] <= whole[1] else None
            case "min":
                return min(a, c), min(b, d)
            case "max":
                return max(a, c), max(b, d)
        return None

    def fits(self, call, interval):
        whole = self.type_range(call.node)
        return bool(whole and interval and whole[0] <= interval[0] and interval[1] <= whole[1])
