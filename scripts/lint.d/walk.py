"""Walks the functions of a tree in the order in which they run, and lists what can trap."""
import re

from bounds import RANGES, Bounds
from branches import Branches, common
from calls import judge
from declarations import name_of, pattern_names
from tree import CALLS, Call, bare, children, every
from writes import Writes

FUNCTIONS = {"func_decl", "accessor_decl", "constructor_decl", "destructor_decl"}
SHAPES = {"force_value_expr": "force unwrap", "force_try_expr": "try!", "forced_checked_cast_expr": "as!"}
# A macro, or a case of an enumeration, of C.
C_CONSTANT = re.compile(r"c:(.*@macro@|@E[Aa]?@\w+@\w+$)")


class Walk(Branches, Writes):
    """One file. `found` gets (offset, what) for each construct that is not proved."""

    def __init__(self, names, constants, counters, text):
        self.text = text
        self.is_explained = b"SAFETY" in text
        self.names, self.constants = names, constants
        self.bounds = Bounds(names, constants, counters)
        self.found = []

    def file(self, tree):
        for item in tree["items"]:
            self.visit(item)
        return self.found

    def visit(self, node):
        if not isinstance(node, dict):
            return
        kind = node.get("_kind")
        if node.get("implicit") and kind in FUNCTIONS:
            return
        visitor = getattr(self, "visit_" + str(kind), None)
        if visitor:
            visitor(node)
        elif kind in FUNCTIONS:
            self.function(node)
        elif kind in CALLS:
            self.call(node)
        else:
            if kind in SHAPES:
                self.note(node, SHAPES[kind])
            self.below(node)

    def below(self, node):
        for child in children(node):
            self.visit(child)

    def note(self, node, what):
        place = node.get("range")
        if place is None:
            place = next((found["range"] for found in every(node) if "range" in found), None)
        if place is not None:
            self.found.append((place["start"], what))

    def function(self, node):
        kept, function = self.bounds.__dict__.copy(), self.constants.function
        outer = [scope.copy() for scope in self.bounds.scopes]
        self.bounds.facts, self.bounds.mutable, self.bounds.types, self.bounds.counts = {}, {}, {}, set()
        self.bounds.scopes = [*outer, {}]
        self.constants.function = id(node)
        parameters = node.get("params", {}).get("params", [])
        for parameter in parameters:
            interval = RANGES.get(self.names.type_of(parameter))
            self.bounds.declare(name_of(parameter), "variable" if parameter.get("inout") else interval)
        self.bounds.invariants = self.constants.assumed(node.get("usr", ""))
        self.bounds.assume_invariants(at_entry=True)
        for parameter in parameters:
            self.visit(parameter.get("expression"))
        self.visit(node.get("body"))
        self.bounds.__dict__.update(kept)
        self.constants.function = function

    def visit_var_decl(self, node):
        for attribute in node.get("attrs", []):
            if attribute.get("_kind") == "reference_ownership_attr" and "unowned" in str(attribute):
                self.note(node, "unowned")
        for accessor in node.get("accessors", []):
            self.visit(accessor)

    def visit_capture_list(self, node):
        for capture in node.get("captures", []):
            if "range" in capture and self.text[:capture["range"]["start"]].endswith(b"unowned "):
                self.note(capture, "unowned")
        self.below(node)

    def visit_pattern_binding_decl(self, node):
        for entry in node["pattern_entries"]:
            held = entry.get("processed_init") or entry.get("original_init")
            self.visit(held)
            pattern = entry["pattern"]
            while pattern.get("sub_pattern") and pattern["_kind"] != "pattern_optional_some":
                pattern = pattern["sub_pattern"]
            if self.constants.function is not None:
                self.bind(pattern, held)

    def bind(self, pattern, held):
        interval = self.bounds.interval(held) if held else None
        linear = self.bounds.linear(held) if held else None
        names = pattern_names(pattern)
        for name in names:
            self.bounds.declare(name, interval if len(names) == 1 else None)
        if len(names) == 1 and pattern.get("_kind") == "pattern_named":
            atom = (names[0], 0)
            self.bounds.mutable.setdefault(names[0], set())
            if linear and names[0] not in linear[0].split("."):
                self.bounds.equal(atom, linear)
            elif held:
                self.compared(atom, held)

    def compared(self, atom, held):
        """`let n = min(a, b)`, and the like."""
        held = bare(held)
        if held.get("_kind") in CALLS:
            call = Call(held)
            for argument in call.arguments if call.name in ("min", "max") else ():
                other = self.bounds.linear(argument)
                if other and call.name == "min":
                    self.bounds.learn(atom, other, 0)
                elif other:
                    self.bounds.learn(other, atom, 0)

    def is_fixed(self, node):
        """Whether the value is the same in every run: made of literals, and of constants of C."""
        node = bare(node)
        kind = node.get("_kind")
        if kind in ("integer_literal_expr", "type_expr", "string_literal_expr"):
            return True
        if kind in ("declref_expr", "member_ref_expr"):
            usr = node["decl"].get("decl_usr", "")
            if usr.startswith("c:") and "@macro@" in usr or node["decl"].get("base_name") in ("zero", "rawValue"):
                return kind == "declref_expr" or self.is_fixed(node.get("base", {}))
            value = self.constants.values.get(usr)
            return bool(C_CONSTANT.match(usr)) or value is not None and self.is_fixed(value)
        if kind in CALLS:
            call = Call(node)
            return all(self.is_fixed(argument) for argument in call.arguments) and (
                call.owner is None or self.is_fixed(call.owner))
        return False

    def visit_subscript_expr(self, node):
        base = bare(node["base"])
        self.visit(base)
        for argument in node["args"].get("args", []):
            self.visit(argument)
        judge(self, node)

    def call(self, node):
        call = Call(node)
        if call.name in ("&&", "||") and len(call.arguments) == 2:
            self.visit(call.arguments[0])
            saved = dict(self.bounds.facts)
            self.bounds.assume(call.arguments[0], call.name == "&&")
            self.visit(call.arguments[1])
            self.bounds.facts = common(saved, self.bounds.facts)
            return
        compound = call.name.endswith("=") and call.name[:-1] in ("+", "-", "*", "/", "%")
        if call.owner is not None and not compound:
            self.visit(call.owner) if not call.owner_is_inout else self.visit(bare(call.owner))
        elif call.owner is None:
            self.visit(node["fn"])
        for position, argument in enumerate(call.arguments):
            if not (compound and position == 0):
                self.visit(argument)
            else:
                self.visit(bare(argument))
        judge(self, node)
        if call.name == "precondition" and call.arguments:
            self.bounds.assume(call.arguments[0])
        if compound:
            self.shift(call)
            return
        if call.owner_is_inout:
            self.forget_target(call.owner)
        if self.runs_ours(call):
            self.bounds.forget_members()
