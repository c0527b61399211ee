"""The records of a run as text, and the promises that it broke."""

import collections

from excuses import REASONS, server_name
from verdict import SLOW_SECONDS, percentile, torn

P99_MAX = 2.0
REFUSES_MAX = 4.0
SERVED_MAX = 1.0
EXAMPLES_MAX = 10
HELD, BROKEN, LATE = 0, 1, 3  # exit statuses; LATE: nothing but bounds of time
LEFT_OUT_MAX = 3.0
UNABLE = ("edge-kill", "edge-freeze", "unable", "isolated")


def timeline(trial, zero):
    yield f"{'began':>8} {'lasted':>7}  {'where':5} {'what':48} {'failed':>7} {'excused':>8} {'slow':>5} {'p99':>7}"
    for fault in trial.faults:
        requests = trial.during(fault)
        failed = [request for request in requests if request["failure"]]
        excused = sum(request["cause"] is not None for request in failed)
        slow = sum(seconds > SLOW_SECONDS for seconds in trial.latencies(requests))
        yield (f"{fault['began'] - zero:7.1f}s {fault['ended'] - fault['began']:6.1f}s  {fault['server']:5} "
               f"{fault['title']:48} {len(failed):7} {excused:8} {slow:5} {trial.p99(requests):6.3f}s")


def clients(trial):
    """The table at the end. `failed` is all that failed, whoever's doing it was."""
    yield (f"{'client':9} {'requests':>8} {'failed':>7} {'excused':>8} {'executed twice':>15} {'torn':>5} "
           f"{'longest wait':>13} {'at a living server':>19} {'p50':>7} {'p99':>7} {'with waits':>11}")
    for client in trial.clients:
        requests = [request for request in trial.requests if request["client"] == client]
        failed = [request for request in requests if request["failure"]]
        longest = max((request["ended"] - request["began"] for request in requests), default=0)
        times = trial.latencies(requests)
        whole = percentile([each["ended"] - each["began"] for each in requests if each["path"] != "/stream"], 0.99)
        yield (f"{client:9} {len(requests):8} {len(failed):7} {sum(bool(each['cause']) for each in failed):8} "
               f"{len(trial.twice_by(client)):15} {sum(map(torn, failed)):5} {longest:12.2f}s "
               f"{max(times, default=0):18.2f}s {percentile(times, 0.5):6.3f}s {percentile(times, 0.99):6.3f}s "
               f"{whole:10.3f}s")


def reasons(trial):
    """How many failures each reason excuses, and how many waits it explains."""
    for reason in REASONS:
        failed = [request for request in trial.requests if request["cause"] == reason]
        if failed:
            kinds = collections.Counter(request["client"] for request in failed)
            yield f"{len(failed):5}  {reason} ({', '.join(f'{kind} {count}' for kind, count in kinds.items())})"
    hung = [request for request in trial.requests if request["stuck"] and not request["failure"]]
    if hung:
        longest = max(request["ended"] - request["began"] for request in hung)
        yield (f"{len(hung):5}  answered in the end, having waited at a server that was away or unable, "
               f"at most {longest:.1f} s")
    silent = [request for request in trial.requests if request.get("waited")]
    if silent:
        yield f"{len(silent):5}  answered or not, after a wait for an address that did not answer a SYN"


def classes(trial):
    """Failures by class and cause."""
    counts = collections.Counter(
        (request["failure"], request["method"], request["cause"] or "NOTHING EXCUSES IT")
        for request in trial.requests if request["failure"])
    for (failure, method, cause), count in counts.most_common():
        yield f"{count:5}  {method:4} {failure:28} {cause}"


def ports(trial):
    """(fault, seconds until its port refused or None) for servers that could not serve."""
    for fault in trial.faults:
        if fault["fault"] in UNABLE:
            until = max(fault["ended"], fault["began"] + 1) + 1
            since = fault["complete"] if "unable" in fault["breaks"] else fault["began"]
            yield fault, trial.seconds_until(fault["server"], "refused", since, until)


def answers(trial):
    """How soon DNS left out the servers that had gone, and named them again."""
    for fault in trial.answers.vanished:
        gone, back = trial.answers.left_out(fault), trial.answers.named_again(fault)
        but = "" if trial.answers.may_leave_out(fault) else ", of few that were left"
        yield (f"{fault['server']} {fault['fault']}: "
               f"{'named all the time' if gone is None else f'left out after {gone:.1f} s'}{but}, "
               f"{'not named again' if back is None else f'named again {back:.1f} s after the end'}")


def certificate_orders(trial, zero):
    """What the fleet ordered of its CA."""
    judged = trial.certificate_orders
    for name in judged.names:
        windows = list(judged.windows(name))
        servers = [server_name(order["client"]) for window in windows for order in window.orders]
        issued = [f"{window.issued['at'] - zero:.0f}" for window in windows if window.issued]
        yield (f"{name}: {len(issued)} certificates, {len(servers)} orders, placed by {' '.join(servers)}; issued at "
               f"{' '.join(issued)} s")
        for order, excuse in judged.repeated(name):
            yield f"  placed again: that of {order['at'] - zero:.1f} s, {excuse or 'NOTHING EXCUSES IT'}"
    for refusal in judged.refused:
        yield f"  refused at {refusal['at'] - zero:.1f} s: {' '.join(refusal['names'] + refusal['problems'])}"


def promises(trial):
    """What was broken, a line each; nothing when all is well. Bounds of time are `late`'s."""
    broken = trial.broken()
    if broken:
        yield f"{len(broken)} requests failed, or were torn, without an excuse"
    if trial.crashes:
        where = collections.Counter(f"{event['server']} (status {event['status']})" for event in trial.crashes)
        yield "edgeproxy ended by itself: " + ", ".join(f"{name} {count} times" for name, count in where.items())
    twice = sorted(set(trial.twice) - set(trial.repeated_by_client))
    if twice:
        yield f"{len(twice)} requests were executed twice: {', '.join(twice[:EXAMPLES_MAX])}"
    if trial.lost:
        yield f"{len(trial.lost)} orders were answered and never executed: {', '.join(trial.lost[:EXAMPLES_MAX])}"
    if any(request["failure"] == "wrong bytes" for request in trial.requests):
        yield "an answer with wrong bytes was passed off as whole"
    if trial.distrusted:
        shown = sorted({f"{each['ordered']} at {each['server']}" for each in trial.distrusted})
        yield f"a certificate was shown that was over or for another name: {', '.join(shown)}"
    excess = trial.certificate_orders.excess()
    if excess:
        where = collections.Counter(f"{' '.join(each['names'])} by {server_name(each['client'])}" for each in excess)
        yield "the CA was asked more than once for a certificate: " + ", ".join(
            f"{order} {count} times" for order, count in where.items())


def late(trial):
    """Bounds of time that were not kept, a line each."""
    for since, until, requests in trial.stretches():
        p99 = trial.p99(requests)
        if p99 > P99_MAX + trial.stalled(since, until):
            zero = trial.faults[0]["began"]
            yield f"p99 was {p99:.2f} s from {since - zero:.0f} s to {until - zero:.0f} s"
    for fault, seconds in ports(trial):
        # A killed process is back before the watcher can see that it was away.
        most = REFUSES_MAX + trial.stalled(fault["began"], fault["began"] + REFUSES_MAX)
        if (seconds is None and fault["fault"] != "edge-kill") or (seconds or 0) > most:
            took = "never" if seconds is None else f"after {seconds:.1f} s"
            yield f"the port of {fault['server']} refused {took} during {fault['fault']}"
    for fault in trial.answers.vanished if trial.dns == "fleet" else []:
        seconds = trial.answers.left_out(fault)
        most = LEFT_OUT_MAX + trial.stalled(fault["began"], fault["began"] + LEFT_OUT_MAX)
        if not trial.answers.may_leave_out(fault):
            continue
        if seconds is None or seconds > most:
            took = "never" if seconds is None else f"after {seconds:.1f} s"
            yield f"DNS left {fault['server']} out {took} during {fault['fault']}"
        misled = trial.misled(fault, most)
        if misled:
            yield (f"{len(misled)} requests were sent to {fault['server']} more than TTL and {most:.1f} s after the "
                   f"beginning of {fault['fault']}")
    for put, shown, disturbed in trial.takes():
        most = SERVED_MAX + trial.stalled(put["at"], put["at"] + SERVED_MAX)
        slow = {server: seconds for server, seconds in shown.items()
                if server not in disturbed and (seconds is None or seconds > most)}
        if slow:
            yield f"certificate {put['serial']:x} was late: {slow}"


def write(trial, say):
    """Prints everything; returns the exit status."""
    zero = trial.faults[0]["began"] if trial.faults else 0
    sections = [("Timeline", timeline(trial, zero)), ("Failures", classes(trial)),
                ("Counted apart: what no server could help", reasons(trial)),
                ("Ports of servers that could not serve", (
                    f"{fault['server']} {fault['fault']}: " + (
                        "not seen closed" if seconds is None else f"refused after {seconds:.1f} s")
                    for fault, seconds in ports(trial))),
                ("DNS, and servers that had gone", answers(trial)),
                ("Certificates, seconds from the end of `cert put` until served", (
                    f"{put['serial']:x}: " + ", ".join(
                        f"{server} {'never' if seconds is None else f'{max(seconds, 0):.1f}'}"
                        f"{' (fault)' if server in disturbed else ''}" for server, seconds in shown.items())
                    for put, shown, disturbed in trial.takes())),
                ("Orders at the CA, seconds since the first fault", certificate_orders(trial, zero)),
                ("Requests that nothing excuses", (
                    f"{request['began'] - zero:7.1f}s {request['ended'] - request['began']:6.2f}s {request['client']} "
                    f"{request['method']} {request['path']} at {request.get('address')} "
                    f"node {request.get('node')}: {request['failure']}"
                    for request in trial.broken()[:EXAMPLES_MAX]))]
    if trial.stalls:
        sections.append(("Moments in which this machine stood still; bounds of time are longer by them", (
            f"{each['began'] - zero:7.1f}s for {each['seconds']:.2f} s" for each in trial.stalls)))
    sections.append(("Clients", clients(trial)))
    for title, lines in sections:
        lines = list(lines)
        if lines:
            say(f"\n{title}\n" + "\n".join("  " + line for line in lines))
    say(f"\n  {len(trial.orders)} orders, {len(trial.executed)} executed, {len(trial.twice)} twice, of which "
        f"{len(trial.repeated_by_client)} because the client itself sent them again when its server had gone")
    broken, slow = list(promises(trial)), list(late(trial))
    say("\nAll promises held." if not broken + slow else
        "\nBroken promises\n" + "\n".join("  " + line for line in broken + slow))
    return BROKEN if broken else LATE if slow else HELD
