"""The syntax trees of the targets, with types and callees, as the compiler writes them down as JSON."""
import json
import re
import subprocess
import tempfile
from pathlib import Path

TARGETS = ("Calendar", "EventLoop", "TLS", "HTTPCore", "Wire", "ACME", "DNSCore", "DNS", "Etcd", "CertStore", "Passwords",
           "Configuration", "Migration", "EdgeProxy")
C_LIBRARIES = ("CLinux", "COpenSSL", "CCrypt", "CNghttp2", "CZlib", "CZstd", "CBrotli", "CYAML", "CCrash/include")
PACKAGES = {
    "ArgumentParserToolInfo": "swift-argument-parser", "ArgumentParser": "swift-argument-parser",
    "Logging": "swift-log",
}
FLAGS = ["-swift-version", "6", "-package-name", "edge", "-strict-memory-safety", "-parse-as-library",
         "-enable-upcoming-feature", "ExistentialAny", "-enable-upcoming-feature", "InternalImportsByDefault",
         "-enable-experimental-feature", "Lifetimes"]
# What a node holds besides the expressions that run.
DUPLICATES = {"parsed_sequence", "original_init", "captures", "substitutions", "attrs", "builtin_initializer",
              "parsed_path"}


class Failure(Exception):
    """The compiler could not read the sources, or writes trees in another form than this reads."""


def compiler(*arguments):
    done = subprocess.run(["swiftc", "-frontend", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(done.stderr.strip() or "swiftc ended without a word")


def files_of(folder):
    return sorted(folder.rglob("*.swift"))


def embedded(name, folder, modules):
    """What SwiftPM makes of the files that it puts into a target (`.embedInCode`), without their bytes."""
    pages = sorted(folder.rglob("*.html"))
    if not pages:
        return []
    file = modules / f"{name}-embedded.swift"
    lines = [f"  static let {page.name.replace('.', '_')}: [UInt8] = []" for page in pages]
    file.write_text("\n".join(["struct PackageResources {", *lines, "}", ""]))
    return [file]


def emit_module(name, folder, modules, flags):
    compiler("-emit-module", "-o", modules / f"{name}.swiftmodule", "-module-name", name, "-I", modules,
             "-experimental-skip-non-inlinable-function-bodies-without-types", *flags, *files_of(folder))


def dump(name, sources, modules, flags, others=()):
    """A list of (source file, its bytes, its tree); `others` are read with them and have no tree."""
    trees, arguments = [], []
    for number, file in enumerate(sources):
        tree = modules / f"{name}-{number}.json"
        trees.append((file, tree))
        arguments += ["-primary-file", file, "-o", tree]
    compiler("-dump-ast", "-dump-ast-format", "json", "-module-name", name, "-I", modules, *flags, *arguments,
             *others)
    return [(file, file.read_bytes(), json.loads(tree.read_text())) for file, tree in trees]


def load(root):
    """The trees of all targets. Modules of the packages are made from their sources, which SwiftPM fetches."""
    checkouts = root / ".build/checkouts"
    if not all((checkouts / package).is_dir() for package in PACKAGES.values()):
        subprocess.run(["swift", "package", "resolve"], cwd=root, check=True)
    flags = [*FLAGS, *(f'-I{root / "Sources" / name}' for name in C_LIBRARIES)]
    loaded = []
    with tempfile.TemporaryDirectory() as folder:
        modules = Path(folder)
        for name, package in PACKAGES.items():
            emit_module(name, checkouts / package / "Sources" / name, modules,
                        ["-swift-version", "5", "-package-name", package])
        for name in TARGETS:
            if name != "EdgeProxy":
                emit_module(name, root / "Sources" / name, modules, flags)
            folder = root / "Sources" / name
            loaded += dump(name, files_of(folder), modules, flags, embedded(name, folder, modules))
    return loaded


def load_file(file):
    with tempfile.TemporaryDirectory() as folder:
        return dump("Sample", [file], Path(folder), FLAGS)


def children(node):
    for key, value in node.items():
        if key in DUPLICATES:
            continue
        if isinstance(value, dict):
            yield value
        elif isinstance(value, list):
            yield from (item for item in value if isinstance(item, dict))


def every(node):
    """The node and all below it."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(children(found))


OURS = re.compile(rf's:(e:s:)?\d+({"|".join((*TARGETS, "Sample"))})')
OUR_EXTENSION = re.compile(rf'\(extension in ({"|".join((*TARGETS, "Sample"))})\)')


class Names:
    """Readable names of mangled types and declarations, asked for all at once."""

    def __init__(self, trees):
        mangled = set()
        for _, _, tree in trees:
            for node in every(tree):
                for key in ("decl_usr", "usr"):
                    if node.get(key, "").startswith("s:"):
                        mangled.add("$s" + node[key][2:])
                for key in ("type", "interface_type", "replacement_type"):
                    if isinstance(node.get(key), str) and node[key].startswith("$s"):
                        mangled.add(node[key])
        ordered = sorted(mangled)
        done = subprocess.run(["swift-demangle", "-compact"], input="\n".join(ordered), capture_output=True,
                              text=True, check=True)
        self.names = dict(zip(ordered, done.stdout.splitlines()))

    def type_of(self, node):
        name = self.names.get(node.get("type") or node.get("interface_type") or "", "")
        return re.sub(r"^(@lvalue|inout|__owned|__shared) ", "", name)

    def declaration(self, usr):
        return self.names.get("$s" + usr[2:], usr) if usr.startswith("s:") else usr

    def is_ours(self, usr):
        """Whether it is declared in one of the targets."""
        return bool(OURS.match(usr) or OUR_EXTENSION.search(self.declaration(usr)))


WRAPPERS = {"paren_expr", "unsafe_expr", "try_expr", "load_expr", "function_conversion_expr", "consume_expr",
            "coerce_expr", "inout_expr", "inject_into_optional", "open_existential_expr", "copy_expr", "borrow_expr",
            "erasure_expr", "autoclosure_expr", "await_expr"}


def bare(node):
    """The expression within brackets, `try`, `unsafe`, and conversions that the compiler adds."""
    while isinstance(node, dict) and node.get("_kind") in WRAPPERS:
        inner = node.get("sub_expr") or node.get("single_expr_body")
        if not isinstance(inner, dict):
            return node
        node = inner
    return node


class Call:
    """Who is called with what; `owner` is the value left of the dot."""

    def __init__(self, node):
        self.node = node
        function, self.owner, self.owner_is_inout = node["fn"], None, False
        while True:
            function = bare(function)
            kind = function.get("_kind")
            if kind in ("dot_syntax_call_expr", "constructor_ref_call_expr"):
                held = (function["args"].get("args") or [{}])[0]
                self.owner, self.owner_is_inout = held.get("expr"), held.get("inout", False)
                function = function["fn"]
            elif kind == "dot_syntax_base_ignored":
                function = function.get("rhs") or function.get("sub_expr") or {}
            else:
                break
        named = function.get("_kind") in ("declref_expr", "other_constructor_ref_expr")
        declared = function.get("decl") if named else None
        self.usr = declared.get("decl_usr", "") if declared else ""
        self.name = declared.get("base_name", "") if declared else ""
        held = node["args"].get("args", [])
        self.arguments = [argument["expr"] for argument in held]
        self.labels = [argument.get("label", "") for argument in held]


CALLS = {"call_expr", "binary_expr", "prefix_unary_expr", "postfix_unary_expr"}
