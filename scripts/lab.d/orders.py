"""What the fleet asked of its CA, judged: one order for each certificate, whoever died meanwhile.

A CA counts orders. So each certificate may cost one, and a further one only when the one before had come to nothing,
which is excused when

- REFUSED: the CA had refused it, having asked a server that was away,
- FORGOTTEN: the server that had placed it died, froze, or was cut off from etcd before it could store that it had. No
  other can know of such an order: the CA alone has heard of it.
"""

from dataclasses import dataclass

from excuses import server_name

REFUSED = "refused by the CA, which had asked a server that was away"
FORGOTTEN = "placed by a server that could not store it"

ASKS_SECONDS = 20.0  # from the moment a server goes until the CA has given up on it
STORES_SECONDS = 10.0  # from an order until the server has either stored it or heard that it cannot

# Faults in which a server does not answer a CA although it breaks no request of the clients, or not all of them.
UNANSWERED = ("edge-restart", "reboot", "upgrade", "unable", "isolated")
# Faults that keep what a server knows from etcd.
UNSTORED = ("edge-restart", "reboot", "upgrade", "cut-servers", "cut-pair", "isolated", "quorum-lost", "etcd-kill",
            "etcd-freeze")


@dataclass
class Window:
    """The time from one certificate of a name to the next; `issued` is None while that one is still to come."""
    name: str
    orders: list
    issued: dict | None


class Orders:
    """`records` are those of the CA, `faults` those of the run."""

    def __init__(self, records, faults):
        self.faults = faults
        self.placed = [each for each in records if each["what"] == "order" and each["status"] == 201]
        self.issued = [each for each in records if each["what"] == "issued"]
        self.refused = [each for each in records if each["what"] == "refused"]

    @property
    def names(self):
        return sorted({name for each in [*self.placed, *self.issued] for name in each["names"]})

    def windows(self, name):
        issued = sorted((each for each in self.issued if name in each["names"]), key=lambda each: each["at"])
        since = float("-inf")
        for end in [*issued, None]:
            until = end["at"] if end else float("inf")
            orders = sorted((each for each in self.placed if name in each["names"] and since < each["at"] <= until),
                            key=lambda each: each["at"])
            yield Window(name, orders, end)
            since = until

    def repeated(self, name):
        """(order, its excuse or None) for those that came to nothing, so that another one followed."""
        for window in self.windows(name):
            for order, following in zip(window.orders, window.orders[1:]):
                yield order, self._excuse(name, order, following)

    def excess(self):
        """Those that nothing excuses."""
        return [order for name in self.names for order, excuse in self.repeated(name) if excuse is None]

    def _excuse(self, name, order, following):
        for refusal in self.refused:
            if name in refusal["names"] and order["at"] <= refusal["at"] <= following["at"]:
                away = self._during(refusal["at"] - ASKS_SECONDS, refusal["at"])
                return REFUSED if any(self._breaks(fault, UNANSWERED) for fault in away) else None
        there = (server_name(order["client"]), "fleet")
        lost = [fault for fault in self._during(order["at"], order["at"] + STORES_SECONDS)
                if self._breaks(fault, UNSTORED) and (fault["server"] in there or fault["fault"].startswith("etcd"))]
        return FORGOTTEN if lost else None

    def _during(self, since, until):
        return [fault for fault in self.faults
                if fault["began"] <= until and since <= fault["ended"] + fault["settle"]]

    @staticmethod
    def _breaks(fault, kinds):
        return "edge" in fault["breaks"] or fault["fault"] in kinds
