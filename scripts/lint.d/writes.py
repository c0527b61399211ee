"""What a write does to what is known: a part of Walk."""
from tree import CALLS, Call, bare, every


class Writes:
    """Uses `bounds` and `names` of Walk."""

    def visit_assign_expr(self, node):
        self.visit(node["src"])
        destination = bare(node["dest"])
        if destination.get("_kind") == "discard_assignment_expr":
            return
        linear = self.bounds.linear(node["src"])
        interval = self.bounds.interval(node["src"]) if linear is None else None
        self.visit(node["dest"])
        self.forget_target(node["dest"])
        target = self.bounds.linear(node["dest"])
        if target is None:
            return
        if linear and target[0] not in linear[0]:
            self.bounds.equal(target, linear)
        elif interval:
            self.bounds.learn((("", interval[0])), target, 0)
            self.bounds.learn(target, ("", interval[1]), 0)

    def visit_inout_expr(self, node):
        self.visit(node["sub_expr"])
        self.forget_target(node["sub_expr"])

    def forget_written(self, node):
        """What is written below may have any value; but what only goes up keeps its lower bounds."""
        steps = self.steps(node)
        rising = {name for name, step in steps.items() if step and step[0] >= 0}
        falling = {name for name, step in steps.items() if step and step[1] <= 0}
        kept = {(a, b): bound for (a, b), bound in self.bounds.facts.items()
                if (b in rising and a not in steps) or (a in falling and b not in steps)
                or (b in rising and a in falling)}
        others = set()
        for found in every(node):
            kind = found.get("_kind")
            if kind in ("assign_expr", "inout_expr"):
                target = found["dest"] if kind == "assign_expr" else found["sub_expr"]
                path = self.bounds.path(target)
                if path is None or path[0] not in rising | falling:
                    others.add(id(target))
                    self.forget_target(target)
            elif kind in CALLS and self.runs_ours(Call(found)):
                self.bounds.forget_members()
        still = {pair: bound for pair, bound in kept.items() if pair in self.bounds.facts}
        for name in rising | falling:
            self.bounds.forget(name.rpartition(".")[1] + name.rpartition(".")[2])
        self.bounds.facts.update(still)

    def forget_target(self, node):
        """Something is written: a name, a property, an element, or a part of any of them."""
        node = bare(node)
        if node.get("_kind") == "declref_expr" and node["decl"].get("base_name") == "self":
            self.bounds.forget_members()
        while True:
            kind = node.get("_kind")
            if kind == "subscript_expr":
                held = self.bounds.path(node["base"])
                if held:
                    self.bounds.forget("[" + held[0])
                places = [self.names.type_of(bare(held["expr"])) for held in node["args"].get("args", [])]
                is_table = "Dictionary" in self.names.type_of(bare(node["base"]))
                if places == ["Swift.Int"] and not is_table:
                    return  # An element was replaced; counts stay.
                node = bare(node["base"])
            elif kind == "member_ref_expr":
                self.bounds.forget("." + node["decl"].get("base_name", ""))
                if not isinstance(node.get("base"), dict):
                    return
                node = bare(node["base"])
            elif kind == "declref_expr":
                name = node["decl"].get("base_name", "")
                if name != "self":
                    self.bounds.forget(name)
                return
            elif kind == "tuple_expr":
                for element in node.get("elements", []):
                    self.forget_target(element)
                return
            elif isinstance(node.get("sub_expr"), dict):
                node = bare(node["sub_expr"])
            else:
                return

    def runs_ours(self, call):
        """Whether code of ours runs that may write members; initializers and operators do not."""
        return call.name != "init" and (not call.usr or self.names.is_ours(call.usr))

    def shift(self, call):
        """`index += 1`: what was known of the index holds of the index less 1."""
        target, step = self.bounds.linear(call.arguments[0]), self.bounds.interval(call.arguments[1])
        shifted = {}
        if target and step and call.name in ("+=", "-=") and step[1] - step[0] < 1 << 40:
            low, high = step if call.name == "+=" else (-step[1], -step[0])
            for (a, b), bound in self.bounds.facts.items():
                if a == target[0] and target[0] not in b:
                    shifted[a, b] = bound + high
                elif b == target[0] and target[0] not in a:
                    shifted[a, b] = bound - low
        self.forget_target(call.arguments[0])
        self.bounds.facts.update(shifted)

    def steps(self, node):
        """name -> the least and the greatest step, if it is only written by steps; None if otherwise, too."""
        found, otherwise = {}, set()
        seen = set()
        for held in every(node):
            if held.get("_kind") in CALLS:
                call = Call(held)
                if call.name in ("+=", "-=") and len(call.arguments) == 2:
                    path, step = self.bounds.path(call.arguments[0]), self.bounds.interval(call.arguments[1])
                    seen.add(id(call.arguments[0]))
                    if path and step:
                        low, high = step if call.name == "+=" else (-step[1], -step[0])
                        before = found.get(path[0], (0, 0))
                        found[path[0]] = min(before[0], low), max(before[1], high)
                    elif path:
                        otherwise.add(path[0])
        for held in every(node):
            target = held.get("dest") if held.get("_kind") == "assign_expr" else (
                held.get("sub_expr") if held.get("_kind") == "inout_expr" and id(held) not in seen else None)
            path = self.bounds.path(target) if target else None
            if path:
                otherwise.add(path[0])
        return {name: None if name in otherwise else step for name, step in found.items()}

    def kept_by(self, node):
        """`while a < b { a += 1 }` leaves a <= b if it was so before; so does `while b > a { b -= 1 }`."""
        first = bare(node["conditions"][0])
        if first.get("_kind") not in CALLS or len(Call(first).arguments) != 2:
            return []
        call = Call(first)
        if call.name == "&&" and bare(call.arguments[0]).get("_kind") in CALLS:
            call = Call(bare(call.arguments[0]))
        sides = [self.bounds.linear(argument) for argument in call.arguments]
        if call.name == ">":
            sides.reverse()
        if call.name not in ("<", ">") or None in sides or sides[0][1] != 0 or sides[1][1] != 0:
            return []
        low, high = sides[0][0], sides[1][0]
        steps = self.steps(node)
        up, down = steps.get(low, (0, 0)), steps.get(high, (0, 0))
        changes = self.writes(node, low) + self.writes(node, high)
        if not self.bounds.at_most(sides[0], sides[1]) or changes != 1 or None in (up, down):
            return []
        return [(low, high)] if (up[1] <= 1 and down[0] >= 0) or (down[0] >= -1 and up[1] <= 0) else []

    def writes(self, node, atom):
        """How often a name is written below; in an inner loop that counts twice."""
        count = 0
        for found in every(node):
            if found.get("_kind") in ("while_stmt", "for_each_stmt") and found is not node:
                count += self.writes(found, atom)
            target = found.get("dest") if found.get("_kind") == "assign_expr" else (
                found.get("sub_expr") if found.get("_kind") == "inout_expr" else None)
            held = self.bounds.path(target) if target else None
            count += held is not None and held[0] == atom
        return count
