"""What DNS said of servers that had gone, judged: how soon it left them out, and when it named them again.

The fleet answers for itself, each server from what it sees. So only those count that had no fault themselves: one that
is cut off from the others may hold them all for dead. And answers name everybody when fewer than two servers, or fewer
than half of them, would be left: a server that goes while so many others are away is not held against them.
"""

# Faults that keep a server from being connected by the others, besides those that break what is under way.
UNCONNECTED = ("edge-restart", "reboot", "upgrade", "cut-servers", "cut-pair", "unable", "isolated", "dns-lost")
SERVERS_MIN = 2
GONE = ["edge", "node"]  # what a fault breaks that makes a server a black hole


class Answers:
    """`records` are those of answers.py, `faults` those of the run."""

    def __init__(self, records, faults, servers):
        self.records, self.faults, self.servers = records, faults, servers

    def left_out(self, fault):
        """Seconds from the fault's beginning until nobody named its server any more; None where somebody did at its end."""
        times = [self._left_out(fault, states) for states in self._judges(fault)]
        return max(times) if times and None not in times else None

    def named_again(self, fault):
        """Seconds from the fault's end until somebody named its server; None for never."""
        times = [max(0.0, at - fault["ended"]) for states in self._judges(fault)
                 for at, named, until in states if named and until > fault["ended"]]
        return min(times, default=None)

    @property
    def vanished(self):
        """The faults that made a server a black hole."""
        return [fault for fault in self.faults if fault["breaks"] == GONE and fault["server"] != "fleet"]

    def may_leave_out(self, fault):
        """Whether enough of the others were there, and one of them can judge."""
        until = fault["began"] + fault["settle"]
        away = {other["server"] for other in self._others(fault) if self._unconnects(other)
                and other["began"] <= until and fault["began"] <= other["ended"] + other["settle"]}
        left = self.servers - 1 - len(away)
        return left >= SERVERS_MIN and 2 * left >= self.servers and (not self.records or any(self._judges(fault)))

    @staticmethod
    def _left_out(fault, states):
        during = [each for each in states if each[0] <= fault["ended"] and each[2] > fault["began"]]
        if not during or during[-1][1]:
            return None
        return max((until - fault["began"] for _, named, until in during if named), default=0.0)

    def _judges(self, fault):
        """For each who answers and had no fault meanwhile: what was said of the server, as (since, named, until)."""
        address = f"10.77.0.{10 + int(fault['server'][1:])}"
        troubled = {fault["server"], *(
            other["server"] for other in self._others(fault) if self._unconnects(other)
            and other["began"] <= fault["ended"] and fault["began"] <= other["ended"] + other["settle"])}
        for by in sorted({each["by"] for each in self.records} - troubled):
            said = [each for each in self.records if each["by"] == by and each["addresses"] is not None]
            ends = [each["at"] for each in said[1:]] + [float("inf")]
            yield [(each["at"], address in each["addresses"], until) for each, until in zip(said, ends)]

    def _others(self, fault):
        return [other for other in self.faults if other is not fault and other["server"] != "fleet"]

    @staticmethod
    def _unconnects(fault):
        return "edge" in fault["breaks"] or fault["fault"] in UNCONNECTED
