"""Variables that only count: set to small numbers, and changed by small steps or by sizes of what is in memory.

A counter of 64 bits that goes up by at most 256 a step, or by bytes that were really there, needs more than ten years
to overflow at a hundred million steps or ten gigabytes a second. All writes in all targets are looked at.
"""
from bounds import COUNT_MAX, COUNTS, Bounds
from tree import CALLS, Call, bare, children

STEP_MAX = 256
COUNTER_MAX = 1 << 62
WIDE = {"Swift.Int", "Swift.Int64", "Swift.UInt64", "Swift.UInt"}
FUNCTIONS = {"func_decl", "accessor_decl", "constructor_decl", "destructor_decl"}


class Counters:
    def __init__(self, trees, names, constants):
        self.names, self.constants = names, constants
        self.bounds = Bounds(names, constants, {})
        self.steps = {}  # variable -> whether it goes down
        self.spoiled = set()
        self.memberwise = {}  # initializer -> label -> property
        for _, _, tree in trees:
            self.find_memberwise(tree)
        for _, _, tree in trees:
            self.walk(tree, None)

    def found(self):
        """variable -> the interval it stays in."""
        return {key: (-COUNTER_MAX if falls else 0, COUNTER_MAX) for key, falls in self.steps.items()
                if key not in self.spoiled}

    def find_memberwise(self, node):
        members = node.get("members") or []
        for member in members:
            if isinstance(member, dict) and member.get("_kind") == "constructor_decl" and member.get("implicit"):
                properties = {name(item): item["usr"] for item in members
                              if item.get("_kind") == "var_decl" and item.get("usr")}
                self.memberwise[member.get("usr")] = properties
        for child in children(node):
            self.find_memberwise(child)

    def walk(self, node, function):
        kind = node.get("_kind")
        if kind in FUNCTIONS:
            if node.get("implicit"):
                return
            function = id(node)
            for parameter in node.get("params", {}).get("params", []):
                self.spoiled.add(("local", name(parameter), function))
        elif kind == "pattern_binding_decl" and function is not None:
            for entry in node["pattern_entries"]:
                self.first(entry, function)
        elif kind in ("members", "struct_decl", "class_decl", "enum_decl", "extension_decl", "source_file"):
            self.properties(node.get("members") or node.get("items") or [])
        elif kind == "closure_expr":
            for parameter in node.get("params", {}).get("params", []):
                self.spoiled.add(("local", name(parameter), function))
        elif kind in ("for_each_stmt", "case_label_item", "pattern"):
            for held in patterns(node.get("pattern") or node):
                self.spoiled.add(("local", held, function))
        elif kind == "assign_expr":
            self.write(node["dest"], node["src"], function)
        elif kind in CALLS:
            self.call(node, function)
            return
        elif kind == "inout_expr":
            self.spoil(node["sub_expr"], function)
        for child in children(node):
            self.walk(child, function)

    def call(self, node, function):
        call = Call(node)
        if call.name in ("+=", "-=") and len(call.arguments) == 2:
            self.step(call, function)
            self.walk(call.arguments[1], function)
            target = bare(call.arguments[0])
            if target.get("_kind") == "member_ref_expr" and isinstance(target.get("base"), dict):
                self.walk_reading(target["base"], function)
            return
        for label, argument in zip(call.labels, call.arguments):
            property_usr = self.memberwise.get(call.usr, {}).get(label)
            if property_usr and not self.is_small(argument):
                self.spoiled.add(property_usr)
        for child in children(node):
            self.walk(child, function)

    def walk_reading(self, node, function):
        """The way to a property that is written; `a.b.count += 1` writes no other number."""
        for child in children(bare(node)):
            if child.get("_kind") not in ("inout_expr",):
                self.walk(child, function)

    def properties(self, items):
        initial = {}
        for item in items:
            if item.get("_kind") == "pattern_binding_decl":
                for entry in item["pattern_entries"]:
                    held = entry.get("processed_init") or entry.get("original_init")
                    for found in patterns(entry["pattern"]):
                        initial[found] = held
            elif item.get("_kind") == "var_decl" and item.get("usr") and item.get("readImpl") == "stored" and (
                    not item.get("let")):
                self.begin(item["usr"], initial.get(name(item)), self.names.type_of(item))

    def first(self, entry, function):
        held = entry.get("processed_init") or entry.get("original_init")
        for found in patterns(entry["pattern"]):
            self.begin(("local", found, function), held, self.names.type_of(bare(held)) if held else "")

    def begin(self, key, held, type_name):
        if type_name not in WIDE or held and not self.is_small(held):
            self.spoiled.add(key)
        else:
            self.steps.setdefault(key, False)

    def is_small(self, node):
        interval = self.bounds.interval(node)
        return bool(interval and -(1 << 48) <= interval[0] and interval[1] <= 1 << 48)

    def key(self, node, function):
        node = bare(node)
        if node.get("_kind") == "member_ref_expr":
            return node["decl"].get("decl_usr") or None
        if node.get("_kind") == "declref_expr":
            return node["decl"].get("decl_usr") or ("local", node["decl"].get("base_name", ""), function)
        return None

    def write(self, destination, source, function):
        destination = bare(destination)
        for element in destination.get("elements", []) if destination.get("_kind") == "tuple_expr" else [destination]:
            key = self.key(element, function)
            if key and not (destination is element and self.is_small(source)):
                self.spoiled.add(key)

    def step(self, call, function):
        key = self.key(call.arguments[0], function)
        if key is None:
            return
        interval, amount = self.bounds.interval(call.arguments[1]), bare(call.arguments[1])
        counted = interval == (0, COUNT_MAX) and self.is_count(amount)
        if not counted and not (interval and -STEP_MAX <= interval[0] and interval[1] <= STEP_MAX):
            self.spoiled.add(key)
        elif call.name == "-=" or interval[0] < 0:
            self.steps[key] = True
        else:
            self.steps.setdefault(key, False)

    def is_count(self, node):
        """A number of bytes that are there: `x.count`, also as another type."""
        node = bare(node)
        if node.get("_kind") in CALLS:
            call = Call(node)
            return call.name == "init" and len(call.arguments) == 1 and self.is_count(call.arguments[0])
        return node.get("_kind") == "member_ref_expr" and node["decl"].get("base_name") in COUNTS

    def spoil(self, node, function):
        key = self.key(node, function)
        if key:
            self.spoiled.add(key)


def name(node):
    return node.get("name", {}).get("base_name", {}).get("name", "")


def patterns(pattern):
    found, waiting = [], [pattern]
    while waiting:
        node = waiting.pop()
        if node.get("_kind") == "pattern_named":
            found.append(name(node))
        elif node.get("_kind", "").startswith("pattern") or node is pattern:
            waiting.extend(child for child in children(node) if child.get("_kind", "").startswith("pattern"))
    return found
