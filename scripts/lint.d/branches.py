"""Which facts hold on which way through a function: a part of Walk."""
import re

from declarations import name_of, pattern_names, plain_name
from tree import CALLS, Call, bare, every

ENDS = {"return_stmt", "throw_stmt", "break_stmt", "continue_stmt", "fail_stmt"}


def common(a, b):
    """What holds on both ways."""
    return {pair: max(bound, b[pair]) for pair, bound in a.items() if pair in b}


class Branches:
    """Uses `bounds`, `names` and `constants` of Walk, and what Writes forgets."""

    def visit_brace_stmt(self, node):
        self.bounds.scopes.append({})
        elements = node.get("elements", [])
        variables = {name_of(item) for item in elements
                     if item.get("_kind") == "var_decl" and not item.get("let")}
        for item in elements:
            self.visit(item)
            if item.get("_kind") == "pattern_binding_decl":
                for entry in item["pattern_entries"]:
                    for name in pattern_names(entry["pattern"]):
                        if name in variables:
                            self.make_variable(name)
        for item in elements:
            if item.get("_kind") == "defer_stmt":
                self.forget_written(item)
        for name in self.bounds.scopes.pop():
            self.bounds.forget(name, everything=True)

    def make_variable(self, name):
        self.bounds.scopes[-1][name] = "variable"
        for atom, written in self.bounds.mutable.items():
            if name in atom.replace("(", " ").replace(".", " ").replace(")", " ").split():
                written.add(name)

    def ends(self, node):
        elements = node.get("elements", []) if node else []
        if not elements:
            return False
        last = elements[-1]
        if last.get("_kind") in ENDS:
            return True
        if last.get("_kind") == "if_stmt" and last.get("else_stmt"):
            return self.ends(last["then_stmt"]) and self.ends(last["else_stmt"])
        return self.names.type_of(last) == "Swift.Never"

    def conditions(self, conditions):
        for condition in conditions:
            if condition.get("_kind") == "pattern":
                self.visit(condition.get("initializer"))
                self.bind_condition(condition)
            else:
                self.visit(condition)
                self.bounds.assume(condition)

    def bind_condition(self, condition):
        """`if case 1...5 = number` and `if let value = other`."""
        held = condition.get("initializer")
        pattern = {key: value for key, value in condition.items() if key != "initializer"}
        inner = next((node for node in every(pattern) if node.get("_kind") == "pattern_expr"), None)
        if inner is not None and inner.get("match_expr"):
            match = bare(inner["match_expr"])
            if match.get("_kind") in CALLS and held is not None:
                call = Call(match)
                if len(call.arguments) == 2:
                    self.bounds.assume_within(call.arguments[0], self.bounds.linear(held))
        for name in pattern_names(pattern):
            self.bounds.declare(name)
        self.payloads(pattern)

    def visit_guard_stmt(self, node):
        saved = dict(self.bounds.facts)
        self.conditions(node["conditions"])
        held = self.bounds.facts
        self.bounds.facts = common(saved, held)
        if len(node["conditions"]) == 1 and node["conditions"][0].get("_kind") != "pattern":
            self.bounds.assume(node["conditions"][0], False)
        self.visit(node["body"])
        self.bounds.facts = held

    def visit_if_stmt(self, node):
        saved = dict(self.bounds.facts)
        self.bounds.scopes.append({})
        self.conditions(node["conditions"])
        after_conditions = common(saved, self.bounds.facts)
        self.visit(node["then_stmt"])
        self.bounds.scopes.pop()
        then = self.bounds.facts
        self.bounds.facts = after_conditions
        if len(node["conditions"]) == 1 and node["conditions"][0].get("_kind") != "pattern":
            self.bounds.assume(node["conditions"][0], False)
        if node.get("else_stmt"):
            self.visit(node["else_stmt"])
        if node.get("else_stmt") and self.ends(node["else_stmt"]):
            self.bounds.facts = then
        elif not self.ends(node["then_stmt"]):
            self.bounds.facts = common(then, self.bounds.facts)

    def visit_ternary_expr(self, node):
        self.visit(node["cond_expr"])
        saved = dict(self.bounds.facts)
        self.bounds.assume(node["cond_expr"])
        self.visit(node["then_expr"])
        self.bounds.facts = common(saved, self.bounds.facts)
        saved = dict(self.bounds.facts)
        self.bounds.assume(node["cond_expr"], False)
        self.visit(node["else_expr"])
        self.bounds.facts = common(saved, self.bounds.facts)

    def visit_while_stmt(self, node):
        kept = self.kept_by(node)
        self.forget_written(node)
        saved = dict(self.bounds.facts)
        self.bounds.scopes.append({})
        self.conditions(node["conditions"])
        self.visit(node["body"])
        self.bounds.scopes.pop()
        self.bounds.facts = common(saved, self.bounds.facts)
        self.forget_written(node)
        for a, b in kept:
            self.bounds.learn((a, 0), (b, 0), 0)

    def visit_repeat_while_stmt(self, node):
        self.forget_written(node)
        self.visit(node["body"])
        self.visit(node["cond"])
        self.forget_written(node)

    def visit_for_each_stmt(self, node):
        sequence = next((entry.get("processed_init") for entry in
                         node.get("iterator_var", {}).get("pattern_entries", [])), None)
        self.visit(sequence)
        self.forget_written(node)
        saved = dict(self.bounds.facts)
        self.bounds.scopes.append({})
        self.bind_loop(node["pattern"], sequence)
        if node.get("where"):
            self.visit(node["where"])
            self.bounds.assume(node["where"])
        self.visit(node["body"])
        for name in self.bounds.scopes.pop():
            self.bounds.forget(name, everything=True)
        self.bounds.facts = common(saved, self.bounds.facts)
        self.forget_written(node)

    def bind_loop(self, pattern, sequence):
        names = pattern_names(pattern)
        interval, low, highs, last = None, None, [], 0
        source = Call(bare(sequence)).owner if sequence and bare(sequence).get("_kind") in CALLS else None
        source = bare(source) if source else {}
        call = Call(source) if source.get("_kind") in CALLS else None
        if call and call.name in ("..<", "...") and len(call.arguments) == 2:
            last = -1 if call.name == "..<" else 0
            low = self.bounds.linear(call.arguments[0])
            highs = self.least_of(call.arguments[1])
            ends = [self.bounds.interval(argument) for argument in call.arguments]
            if all(ends):
                interval = ends[0][0], ends[1][1] + last
        elif source.get("_kind") == "member_ref_expr" and source["decl"].get("base_name") == "indices" and (
                not self.is_part(source["base"])):
            low, highs, last = ("", 0), [self.count_of(source["base"])], -1
        elif call and call.name == "enumerated" and pattern.get("_kind") in ("pattern_tuple", "pattern_binding"):
            low, highs, last = ("", 0), [self.count_of(call.owner)], -1
        for position, name in enumerate(names):
            self.bounds.declare(name, interval if len(names) == 1 else None)
            self.bounds.mutable.setdefault(name, set())
            for end in highs if position == 0 else ():
                self.bounds.learn((name, 0), end, last)
            if position == 0 and low:
                self.bounds.learn(low, (name, 0), 0)

    def is_part(self, node):
        """Whether it is a part of a list, whose first place need not be 0."""
        return bool(re.match(r"(Swift\.)?\w*Slice<", self.names.type_of(bare(node))))

    def least_of(self, node):
        """What the value is at most: both sides of `min(a, b)`, or itself."""
        node = bare(node)
        if node.get("_kind") in CALLS and Call(node).name == "min" and len(Call(node).arguments) == 2:
            return [end for argument in Call(node).arguments for end in self.least_of(argument)]
        return [self.bounds.linear(node)]

    def count_of(self, base):
        held = self.bounds.path(base)
        if held is None:
            return None
        self.bounds.counts.add(held[0] + ".count")
        self.bounds.mutable[held[0] + ".count"] = held[1]
        return held[0] + ".count", 0

    def visit_switch_stmt(self, node):
        self.visit(node["subject_expr"])
        self.branches(node["cases"], node["subject_expr"])

    def branches(self, cases, subject=None):
        saved, ends = dict(self.bounds.facts), None
        for case in cases:
            self.bounds.facts = dict(saved)
            self.bounds.scopes.append({})
            labels = case.get("case_label_items", [])
            for label in labels:
                for name in pattern_names(label):
                    self.bounds.declare(name)
                self.payloads(label)
                if subject and len(labels) == 1:
                    self.match(label, subject)
                if label.get("where_expr"):
                    self.visit(label["where_expr"])
                    if len(labels) == 1:
                        self.bounds.assume(label["where_expr"])
            self.visit(case.get("body"))
            self.bounds.scopes.pop()
            if not self.ends(case.get("body")):
                ends = self.bounds.facts if ends is None else common(ends, self.bounds.facts)
        self.bounds.facts = saved if ends is None else common(saved, ends)

    def payloads(self, label):
        """`case .bytes(let count)`, where ranges.txt says what such a count may be."""
        for node in every(label):
            if node.get("_kind") == "pattern_enum_element" and node.get("sub_pattern"):
                held = pattern_names(node["sub_pattern"])
                element = node.get("element", {}).get("base_name", {}).get("name", "")
                stated = self.constants.range_of(plain_name(self.names.type_of(node) + "." + element))
                if stated and held:
                    self.bounds.declare(held[0], stated)

    def match(self, label, subject):
        pattern = label.get("pattern", {})
        value = self.bounds.linear(subject)
        if pattern.get("_kind") == "pattern_expr" and pattern.get("match_expr"):
            match = bare(pattern["match_expr"])
            if match.get("_kind") in CALLS and len(Call(match).arguments) == 2:
                first = Call(match).arguments[0]
                self.bounds.assume_within(first, value)
                exact = self.bounds.linear(first)
                if exact and value:
                    self.bounds.equal(value, exact)

    def visit_do_catch_stmt(self, node):
        saved = dict(self.bounds.facts)
        self.visit(node["body"])
        after = self.bounds.facts
        self.bounds.facts = saved
        self.forget_written(node["body"])
        for case in node.get("catch_stmts", []):
            self.branches([case])
        self.bounds.facts = common(after, self.bounds.facts)

    def visit_defer_stmt(self, node):
        saved, self.bounds.facts = self.bounds.facts, {}
        self.below(node)
        self.bounds.facts = saved

    def visit_closure_expr(self, node):
        """May run later: only facts about what never changes hold in it."""
        self.forget_written(node)
        saved = self.bounds.facts
        self.bounds.facts = {pair: bound for pair, bound in saved.items()
                             if not any(self.bounds.mutable.get(atom) for atom in pair)}
        self.bounds.scopes.append({})
        for parameter in node.get("params", {}).get("params", []):
            self.bounds.declare(name_of(parameter), "variable" if parameter.get("inout") else None)
        self.visit(node["body"])
        for name in self.bounds.scopes.pop():
            self.bounds.forget(name, everything=True)
        self.bounds.facts = {pair: bound for pair, bound in saved.items() if pair in saved}
        self.forget_written(node)
