"""Which functions of the standard library can trap, and under which condition on their arguments they cannot."""
import re

from bounds import CONVERSIONS
from tree import Call, bare

INTEGER = (r"(?:U?Int(?:8|16|32|64|128)?|BinaryInteger|FixedWidthInteger|SignedInteger|SignedNumeric|Numeric"
           r"|AdditiveArithmetic)")
ARITHMETIC = re.compile(rf"^static (?:\(extension in Swift\):)?Swift\.{INTEGER}(?:<.*?>)?\.([-+*/%]=?) "
                        r"(?:infix|prefix)")


def judge(walk, node):
    """Notes the call or the subscript if it may trap and the arguments do not prove that it does not."""
    if node["_kind"] == "subscript_expr":
        usr = node.get("decl", {}).get("decl_usr", "")
        owner, arguments = node["base"], [held["expr"] for held in node["args"].get("args", [])]
        call = None
    else:
        call = Call(node)
        usr, owner, arguments = call.usr, call.owner, call.arguments
    if not usr or walk.names.is_ours(usr) or usr.startswith("c:"):
        return
    name = walk.names.declaration(usr)
    if OTHERS.match(name):
        return
    for rule, what, proof in RULES:
        found = rule.search(name)
        if found:
            if all(walk.is_fixed(argument) for argument in arguments) and what in FIXED:
                return
            if not proof(Place(walk, node, call, owner, arguments, found)):
                walk.note(node, what)
            return
    if MEMORY.search(name):
        if not walk.is_explained:
            walk.note(node, "memory")
        return
    if not ((call and call.name in SAFE_NAMES) or SAFE.match(name)):
        walk.note(node, f"unknown {call.name if call else 'subscript'}")


class Place:
    """A call or a subscript that a rule speaks of, and what is known there."""

    def __init__(self, walk, node, call, owner, arguments, found):
        self.walk, self.bounds, self.node, self.call = walk, walk.bounds, node, call
        self.owner, self.arguments, self.found = owner, arguments, found

    def count(self):
        """The number of elements of what is left of the dot."""
        if self.owner is None:
            return None
        node = bare(self.owner)
        whole = re.match(r"Swift\.InlineArray<(\d+),", self.walk.names.type_of(node))
        if whole:
            return "", int(whole.group(1))
        return self.walk.count_of(self.owner)

    def within(self, argument, last=-1):
        """Whether 0 <= argument <= count + last is proved."""
        interval, linear, count = self.bounds.interval(argument), self.bounds.linear(argument), self.count()
        if self.owner is not None and self.walk.is_part(self.owner):
            return False
        if not interval or not (interval[0] >= 0 or self.bounds.at_most(("", 0), linear)):
            return False
        if count and count[0] == "" and interval[1] <= count[1] + last:
            return True
        return self.bounds.at_most(linear, count, last)


def is_default(node):
    """The argument is left out; what the standard library puts there never traps."""
    return bare(node).get("_kind") == "default_argument_expr"


def never(_):
    return False


def in_type(place):
    """The result is in the range of its type."""
    target = place.arguments[0] if place.found.group(1).endswith("=") else place.node
    whole = place.bounds.type_range(bare(target))
    name = place.found.group(1).rstrip("=")
    sides = [place.bounds.interval(argument) for argument in place.arguments]
    if whole is None or None in sides:
        return False
    if name in "/%":
        return not (sides[1][0] <= 0 <= sides[1][1]) and not (sides[1][0] <= -1 and sides[0][0] == whole[0])
    fake = Call(place.node)
    fake.name = name
    result = place.bounds.result(fake)
    if result and name == place.found.group(1) and name in "+-":
        result = place.bounds.refined(place.node, result)
    return result is not None and whole[0] <= result[0] and result[1] <= whole[1]


def converts(place):
    found = CONVERSIONS.match(place.walk.names.declaration(place.call.usr))
    if not found or (found.group(2) or ""):
        return True
    return place.bounds.fits(place.call, place.bounds.interval(place.arguments[0]))


def ordered(place):
    """The lower end of a range is not above the upper."""
    low, high = (place.bounds.interval(argument) for argument in place.arguments)
    if low and high and low[1] <= high[0]:
        return True
    return place.bounds.at_most(*(place.bounds.linear(argument) for argument in place.arguments))


def inside(place):
    return place.within(place.arguments[0])


def slice_inside(place):
    """A range of which both ends are within."""
    node = bare(place.arguments[0])
    if not (node.get("_kind") or "").endswith(("binary_expr", "unary_expr")):
        return False
    call = Call(node)
    last = -1 if call.name == "..." and len(call.arguments) == 2 else 0
    return all(place.within(argument, last if position else 0) for position, argument in enumerate(call.arguments))


def not_negative(place):
    if is_default(place.arguments[-1]):
        return True
    interval = place.bounds.interval(place.arguments[-1])
    if interval and interval[0] >= 0:
        return True
    return place.bounds.at_most(("", 0), place.bounds.linear(place.arguments[-1]))


def splits(place):
    most = place.arguments[place.call.labels.index("maxSplits")]
    interval = place.bounds.interval(most)
    return is_default(most) or bool(interval and interval[0] >= 0)


def small(place):
    interval = place.bounds.interval(place.arguments[-1])
    return bool(interval and 0 <= interval[0] and interval[1] <= 1 << 24)


def not_empty(place):
    return place.bounds.at_most(("", 1), place.count())


def removable(place):
    return place.within(place.arguments[0], 0)


def slow(place):
    """An atomic number of 64 bits that goes up by a small step at a time."""
    wide = re.search(r"A == Swift\.(Int|UInt|Int64|UInt64)>", place.found.string)
    interval = place.bounds.interval(place.arguments[0])
    falls = place.call.name == "subtract" and wide and wide.group(1).startswith("U")
    return bool(wide and not falls and interval and 0 <= interval[0] and interval[1] <= 256)


def moves(place):
    """The step of a stride is not 0."""
    step = place.bounds.interval(place.arguments[2])
    return bool(step and not step[0] <= 0 <= step[1])


def radix(place):
    base = place.arguments[place.call.labels.index("radix")]
    interval = place.bounds.interval(base)
    return is_default(base) or bool(interval and 2 <= interval[0] and interval[1] <= 36)


def all_inside(place):
    return all(place.within(argument) for argument in place.arguments)


def insertable(place):
    return place.within(place.arguments[1], 0)


def always(_):
    return True


def literal(place):
    return "literal" in bare(place.arguments[0]).get("_kind", "")


def rule(pattern, what, proof):
    return re.compile(pattern), what, proof


# Lists of the standard library that are asked for a place by a number.
LISTS = (r"(?:Array|ContiguousArray|ArraySlice|Span|MutableSpan|RawSpan|MutableRawSpan|OutputSpan|InlineArray|Slice"
         r"|Collection|MutableCollection|BidirectionalCollection|RangeReplaceableCollection|Repeated|Values"
         r"|Unsafe(?:Mutable)?(?:Raw)?BufferPointer|UTF8View|Substring|String|UnicodeScalarView)")
TEXTS = r"(?:String|Substring|UTF8View|Collection|Values|UnicodeScalarView)"

# By the readable name of what is called, the first that fits: what is said of it, and what proves that it is harmless.
RULES = [
    rule(r"^Swift\.(fatalError|precondition|preconditionFailure|_assertionFailure)\b", "ends", never),
    (ARITHMETIC, "arithmetic", in_type),
    rule(r"^Swift\.abs<", "arithmetic", never),
    rule(r"Atomic<.*\.(add|subtract)\(", "arithmetic", slow),
    rule(r"^static Swift\.Duration(?:Protocol)?\.([*/]|[-+]=?) infix", "time", never),
    rule(r"Duration\.\w*seconds\(Swift\.Double\)", "time", never),
    rule(r"Integer.*\.init<A where A1: Swift\.BinaryFloatingPoint>", "conversion", never),
    rule(r"^Swift\.U?Int\d*\.init\(Swift\.(Double|Float)", "conversion", never),
    (CONVERSIONS, "conversion", converts),
    rule(r"UInt8\.init\(ascii:", "conversion", literal),
    rule(r"radix: Swift\.Int", "radix", radix),
    rule(r"Swift\.Comparable\.(\.\.\.|\.\.<) infix", "range", ordered),
    rule(r"\.random\(in: Swift\.Range<|\.next<.*upperBound", "range", never),
    rule(r"Swift\.stride<", "stride", moves),
    rule(rf"\.?{LISTS}(?:< where [^>]*>|<A where [^>]*>)?\.subscript\(Swift\.Int\)", "subscript", inside),
    rule(r"\.swapAt\(", "subscript", all_inside),
    rule(r"subscript\(\(Swift\.UnboundedRange_\)", "slice", always),
    rule(rf"{LISTS}.*\.(subscript|extracting|_mutatingExtracting|removeSubrange|replaceSubrange)\b.*Range", "slice",
         slice_inside),
    rule(rf"{TEXTS}.*\.(subscript|index|formIndex)\((?!forKey)", "index", never),
    rule(r"(Dictionary|Set)\.subscript\(.*\.Index\)|\.(prefix|suffix)\((upTo|through|from): ", "index", never),
    rule(r"\.(removeFirst|removeLast)\(\)", "remove", not_empty),
    rule(r"\.(removeFirst|removeLast)\(Swift\.Int\)", "remove", removable),
    rule(r"\.remove\(at: ", "remove", inside),
    rule(r"\.insert\(.*, at: ", "insert", insertable),
    rule(r"\.(dropFirst|dropLast|prefix|suffix)\(Swift\.Int\)", "count", not_negative),
    rule(r"\.split.*maxSplits: ", "count", splits),
    rule(r"\.init\(repeating: .*count: Swift\.Int\)|repeatElement<|reserveCapacity", "room", small),
    rule(r"allocate\(capacity:|unsafeUninitializedCapacity", "room", small),
    rule(r"OutputSpan.*\.append\(|InlineArray.*initializingWith", "filling", never),
    rule(r"uniqueKeysWithValues", "keys", never),
]
# Where the same arguments in each run are enough: the first run of a test would trap.
FIXED = {"arithmetic", "conversion", "radix", "range", "time", "stride"}

# The other packages, which read the operator's words, and values of C, which have no methods.
OTHERS = re.compile(r"^(static )?(\(extension in ArgumentParser\):)?(ArgumentParser|Logging|Glibc|__C)\.")
# What reads or writes memory by its address. It does not trap: it is wrong without a word, so each file that does
# says under SAFETY why it may.
MEMORY = re.compile(r"Swift\.(?:Unsafe|_Pointer|Unmanaged|OpaquePointer|withUnsafe)|A: Swift\._Pointer>|_unsafeElements"
                    r"|cString")
# What never traps, whatever it is given: functions by their names,
SAFE_NAMES = set("""
    == != < <= > >= === !== ! && || ~= ?? & | ^ ~ &= |= ^= << >> <<= >>= &+ &- &* &+= &-= &*=
    _findStringSwitchCase _hashValue addingReportingOverflow allSatisfy append appendInterpolation appendLiteral
    combine compactMap compareExchange contains count drop elementsEqual encode enumerated exchange filter finalize
    first firstIndex firstRange flatMap forEach formIntersection formUnion get hasPrefix hasSuffix insert intersection joined last
    lastIndex lexicographicallyPrecedes load lowercased makeIterator map mapValues max merge microseconds
    milliseconds min multipliedFullWidth multipliedReportingOverflow nanoseconds next none popFirst popLast prefix
    print random reduce remove removeAll removeValue replacing reversed seconds some sort sorted split starts store
    subtracting subtractingReportingOverflow success failure swap take union updateValue uppercased wrappingAdd
    wrappingSubtract withUnsafeBufferPointer withUnsafeBytes withUnsafeMutableBufferPointer withUnsafeMutableBytes
    withUnsafeMutablePointer zip
    """.split())
# and by their whole names where the name alone does not tell.
SAFE = re.compile("|".join((
    r"^(?:static )?(?:\(extension in \w+\):)?Swift\.(?:"
    # Properties; subscripts that answer nil.
    r"[^()]* : .*", r"Dictionary\.subscript\(.*", r"Dictionary\.index\(forKey.*",
    # Sums of texts and lists, and ranges with one end.
    r"(?:String|Array|RangeReplaceableCollection|Double)(?:<.*>)?\.[-+/]=? (?:infix|prefix).*",
    r"(?:Comparable|UnboundedRange_)\.\S* (?:prefix|postfix).*",
    # Initializers that take every value.
    r"[\w.]+\.init\((?:_builtin|[a-zA-Z]*[lL]iteral|stringInterpolation|nilLiteral|bitPattern|\)).*",
    r"(?:Set|SetAlgebra|Hasher|Mirror|ObjectIdentifier|Substring|Result|Double|SystemRandomNumberGenerator)"
    r"(?:<.*?>)?\.init.*",
    r"Array\.init<A where A == A1\.Element, A1: Swift\.Sequence>\(A1\).*", r"RangeReplaceableCollection\.init<.*",
    r"String\.init(?!\(repeating).*", r"Dictionary\.init<.*(?:uniquingKeysWith|grouping): .*",
    r"InlineArray\.init\(repeating: .*", r"(?:FixedWidthInteger|BinaryInteger)\.init(?:\(\)|\(Swift\.String\)).*",
    r"(?:Unicode\.Scalar\.init\(Swift\.UInt8\)|Character\.init\(Swift\.Unicode\.Scalar\)).*"
    r")", r"^Synchronization\.Atomic\.init")))
