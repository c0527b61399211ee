"""What the declarations of all targets say: constants, their values, and what ranges.txt states of the rest."""
import re

from tree import children, every


def name_of(node):
    return node.get("name", {}).get("base_name", {}).get("name", "")


def plain_name(declaration):
    """`EdgeProxy.Spool.take` of a declaration with its discriminators, parameters and type."""
    name = re.sub(r"\((\S+) in _[0-9A-F]+\)", r"\1", declaration)
    name = re.sub(r"^static |^\(extension in \w+\):", "", name)
    name = re.sub(r"^static |^\(extension in \w+\):", "", name)
    return re.sub(r"[<(:].*| : .*$", "", name).strip()


def pattern_names(pattern):
    """The names that a pattern binds, in their order."""
    if pattern.get("_kind") == "pattern_named":
        return [name_of(pattern)]
    return [name for child in children(pattern) for name in pattern_names(child)]


class Constants:
    """What the declarations of all targets say: constants, their values, and counters."""

    def __init__(self, trees, names, stated):
        self.lets, self.values, self.stored, self.function = set(), {}, set(), None
        self.is_ours, self.names, self.cache = names.is_ours, names, {}
        self.used = set()
        self.ranges, self.relations, self.when = stated
        for _, _, tree in trees:
            for node in every(tree):
                for group in node.values():
                    if isinstance(group, list):
                        self.declarations([item for item in group if isinstance(item, dict)])

    def stated(self, usr):
        """The range of a declaration of ours that ranges.txt states."""
        if not usr:
            return None
        if usr not in self.cache:
            name = self.names.declaration(usr)
            self.cache[usr] = self.range_of(usr.rpartition("@")[2] if usr.startswith("c:") else plain_name(name))
        return self.cache[usr]

    def range_of(self, name):
        if name in self.ranges:
            self.used.add(name)
        return self.ranges.get(name)

    def unused(self):
        """Statements of ranges.txt that are of nothing."""
        return sorted({*self.ranges, *self.relations, *self.when} - self.used)

    def implied(self, usr):
        """Between which numbers the argument is where a function of ours answers true."""
        name = plain_name(self.names.declaration(usr)) if usr else ""
        if name in self.when:
            self.used.add(name)
        return self.when.get(name)

    def assumed(self, usr):
        """What ranges.txt says of a function's parameters, and of the properties of its type."""
        name = plain_name(self.names.declaration(usr)) if usr else ""
        owners = [owner for owner in self.relations if name == owner or name.startswith(owner + ".")]
        self.used.update(owners)
        return [relation for owner in owners for relation in self.relations[owner]]

    def declarations(self, group):
        initial = {}
        for item in group:
            if item.get("_kind") == "pattern_binding_decl":
                for entry in item["pattern_entries"]:
                    held = entry.get("processed_init") or entry.get("original_init")
                    for name in pattern_names(entry["pattern"])[:1] if held else ():
                        initial[name] = held
            elif item.get("_kind") == "var_decl" and item.get("usr"):
                usr = item["usr"]
                if item.get("readImpl") == "stored":
                    self.stored.add(usr)
                if item.get("let"):
                    self.lets.add(usr)
                    if name_of(item) in initial:
                        self.values[usr] = initial[name_of(item)]
                elif item.get("static") and not item.get("writeImpl"):
                    returned = computed_value(item)
                    if returned:
                        self.values[usr] = returned


def computed_value(item):
    """The value of `static var bytesMax: Int { 4096 }`."""
    for accessor in item.get("accessors", []):
        elements = accessor.get("body", {}).get("elements", [])
        if accessor.get("get") and len(elements) == 1 and elements[0].get("_kind") == "return_stmt":
            return elements[0].get("result")
    return None
