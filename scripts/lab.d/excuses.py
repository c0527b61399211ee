"""What excuses a failed request, and nothing else does.

The promise is: no request that may be repeated fails for a client that could reach one living server. A client
could not, as far as this request goes, when

- WITH_EDGE: the request was under way at, or had been accepted (TCP) by, a server whose edgeproxy died, froze or
  was cut off from the client, and was closed, cut off or left without an answer. Once TCP is connected no client
  measured goes to another address. A kept connection that died so is found out when it is used next.
- BLACK_HOLE: the client itself gave up waiting, on a SYN or on a connection that such a server had kept, before it
  asked another address. No RST and no answer can come from there, so nothing outside the client can tell it.
- WITH_INSTANCE: the answer had been begun by an instance that died or came through the edge of its server, which
  died, or the request may not be repeated and such an instance may have executed it.
- UNABLE: the server had accepted it before it could know that it has no instance.
- NO_INSTANCE: no instance of the application that it names was left anywhere.
- UNREACHED: every address that the client tried refused or was away, and it has tried all that it knew.

An answer with a status is no sign of a dead server: a 503 is excused by UNABLE and NO_INSTANCE alone, a 502 by
NO_INSTANCE and that of a POST by WITH_INSTANCE, and any other status by nothing. Wrong bytes and wrong certificates are
excused by nothing.
"""

WITH_EDGE = "under way at a server that died, froze or was cut off"
BLACK_HOLE = "the client gave up on a black hole"
WITH_INSTANCE = "begun by, or given to, an instance that died"
UNABLE = "accepted before the server knew that it could not serve"
NO_INSTANCE = "no instance of its application was left anywhere"
UNREACHED = "every address that the client knew was away"
REASONS = [WITH_EDGE, BLACK_HOLE, WITH_INSTANCE, UNABLE, NO_INSTANCE, UNREACHED]

REACH = 2.0  # seconds after a fault's end during which connections that it broke are still found out
SILENCES = ("silence", "cut: silence", "silent in TLS", "no server: silent to SYN")
LOSSES = ("closed without an answer", "cut", "TLS", *SILENCES)


def server_name(address):
    """Of an IPv4 address of the laboratory; s0 for what is no server's."""
    return f"s{int(address.rsplit('.', 1)[1]) - 10}" if address else None


def edges(request):
    """The servers to which the client was connected, or may have been."""
    named = [request.get("address"), request.get("first"), *request.get("perhaps", [])]
    return {server_name(address) for address in named if address}


def around(request, faults, since=None):
    """The faults that were there while the request was, or since its connection was opened."""
    since = min(request["began"], since or request["began"])
    return [fault for fault in faults if request["ended"] >= fault["began"] and since <= fault["ended"] + REACH]


def cause(request, faults):
    """The reason that excuses this failed request; None for a broken promise."""
    failure = request["failure"]
    if failure.startswith("no server"):
        return unreached(request, faults)
    if failure.startswith("status"):
        return of_status(request, faults)
    if failure == "ended early, unseen":
        return WITH_INSTANCE if instance_died(request, faults) else None
    if failure.split(":")[0] in LOSSES or failure in LOSSES:
        return edge_lost(request, faults) or (WITH_INSTANCE if instance_died(request, faults) else None)
    return None


def of_status(request, faults):
    if request["failure"] in ("status 502", "status 503"):
        if any(f"host:{request['host']}" in fault["breaks"] for fault in around(request, faults)):
            return NO_INSTANCE
    if request["failure"] == "status 503":
        there = edges(request)
        unable = any(fault["server"] in there and "unable" in fault["breaks"] for fault in around(request, faults))
        return UNABLE if unable else None
    if request["failure"] == "status 502" and request["method"] == "POST":
        # The instance is not named by an answer that it did not give.
        return WITH_INSTANCE if any({"node", "edge"} & set(fault["breaks"]) for fault in around(request, faults)) else None
    return None


def instance_died(request, faults):
    return bool(request.get("begun")) and any(
        {"node", "edge"} & set(fault["breaks"]) and fault["server"] == request.get("node")
        for fault in around(request, faults))


def edge_lost(request, faults):
    """The excuse that the server has with which the client was connected, or None."""
    # A connection kept since before the fault is found dead only when it is used again.
    kept = request["failure"] == "closed without an answer"
    there = edges(request)
    for fault in around(request, faults, since=request.get("opened") if kept else None):
        if fault["server"] in there and "edge" in fault["breaks"]:
            return BLACK_HOLE if request["failure"] in SILENCES else WITH_EDGE
        if fault["server"] in there and "unable" in fault["breaks"] and request["failure"] in SILENCES:
            return UNABLE
    return None


def unreached(request, faults):
    """Every address that the client tried was away; one that was not makes it a broken promise."""
    tried = [server_name(address) for address in request.get("tried") or request.get("perhaps") or []]
    if not tried or not all(away(server, request, faults) for server in tried):
        return None
    return BLACK_HOLE if request["failure"] in SILENCES else UNREACHED


def away(server, request, faults):
    return any(fault["server"] == server and fault["began"] <= request["ended"]
               and request["began"] <= fault["ended"] + fault["settle"] for fault in faults)


def sent_again(request, faults):
    """Whether a client that sent its POST twice had lost the first connection with a server."""
    there = edges(request)
    return any("edge" in fault["breaks"] and (fault["server"] in there or not there)
               for fault in around(request, faults, since=request.get("opened")))
