"""edgeproxy(8), in the language of man(7), from what `edgeproxy --experimental-dump-help` prints."""

import json
import sys

FILES = [
    ("/etc/edgeproxy/edgeproxy.yaml", "The configuration, see edgeproxy.yaml(5). It belongs to root; the group edgeproxy reads it."),
    ("/etc/edgeproxy/certificates", "Certificates with their keys; the group edgeproxy has to be able to read them."),
    ("/var/log/edgeproxy/access.log", "The requests. What the server says of itself is in the journal: journalctl -u edgeproxy."),
    ("/var/lib/edgeproxy", "The state: what survives a restart, and temporary files."),
    ("/run/edgeproxy/admin.sock", "Where the commands reach the server; for root and the group edgeproxy."),
]
SIGNALS = [
    ("SIGHUP", "Reads the configuration again, as edgeproxy reload does."),
    ("SIGUSR1", "Opens the access log anew."),
    ("SIGTERM", "Closes the ports, finishes what is under way, and exits."),
]
STATUSES = [
    ("0", "It was stopped, or the command did what it was asked."),
    ("1", "The server could not start, and another try may succeed; or the command failed."),
    ("64", "The command line is wrong."),
    ("69", "No server answers the command."),
    ("78", "The server cannot start before its configuration is put right."),
]


def escaped(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in (".", "'") else text


def bold(text):
    return f"\\fB{escaped(text)}\\fR"


def name(one):
    return ("--" if one["kind"] == "long" else "-") + one["name"]


def usage(argument):
    """An argument as it is typed."""
    value = f"\\fI{escaped(argument['valueName'])}\\fR"
    if argument["kind"] == "positional":
        return value
    words = ", ".join(bold(name(each)) for each in argument["names"])
    return words if argument["kind"] == "flag" else f"{words} {value}"


def entries(rows):
    return [line for term, text in rows for line in (".TP", term, text)]


def arguments(command):
    rows = []
    for each in command.get("arguments", []):
        if not each["shouldDisplay"] or each["valueName"] in ("help", "version"):
            continue
        default = f" Default: {escaped(each['defaultValue'])}." if "defaultValue" in each else ""
        rows.append((usage(each), escaped(each.get("abstract", "")) + default))
    return entries(rows)


def paragraphs(text):
    return [line for part in text.split("\n\n") for line in (".PP", escaped(" ".join(part.split())))]


def commands(command, words):
    """Each command below, with its own arguments, under its whole name."""
    lines = []
    for each in command.get("subcommands", []):
        if not each["shouldDisplay"] or each["commandName"] == "help":
            continue
        path = [*words, each["commandName"]]
        lines += [f".SS {escaped(' '.join(path))}", escaped(each.get("abstract", ""))]
        lines += paragraphs(each["discussion"]) if "discussion" in each else []
        lines += arguments(each) + commands(each, path)
    return lines


def page(command, version):
    files = [(f"\\fI{escaped(file)}\\fR", escaped(text)) for file, text in FILES]
    return "\n".join([
        f'.TH EDGEPROXY 8 "" "{escaped(version)}" "System administration"',
        ".SH NAME", f"edgeproxy \\- {escaped(command['abstract'].rstrip('.'))}",
        ".SH SYNOPSIS", f"{bold('edgeproxy')} [\\fIoptions\\fR]", ".br",
        f"{bold('edgeproxy')} \\fIcommand\\fR [\\fIoptions\\fR]",
        ".SH DESCRIPTION", escaped(command["discussion"]),
        ".SH OPTIONS", *arguments(command),
        ".SH COMMANDS", *commands(command, ["edgeproxy"]),
        ".SH SIGNALS", *entries((bold(signal), escaped(text)) for signal, text in SIGNALS),
        ".SH EXIT STATUS", *entries((bold(status), escaped(text)) for status, text in STATUSES),
        ".SH FILES", *entries(files),
        ".SH SEE ALSO", ".BR edgeproxy.yaml (5)", ""])


if __name__ == "__main__":
    print(page(json.load(sys.stdin)["command"], sys.argv[1]), end="")
