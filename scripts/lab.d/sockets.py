"""Which addresses a session of processes is connected to, or is trying to: from /proc."""

import glob
import os

TCP_TIME_WAIT, TCP_CLOSE = "06", "07"


def members(session):
    """The process ids of a session."""
    for stat in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(stat) as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == session:
            yield int(stat.split("/")[2])


def inodes(pid):
    """The sockets that a process has open."""
    found = set()
    try:
        for descriptor in os.scandir(f"/proc/{pid}/fd"):
            target = os.readlink(descriptor.path)
            if target.startswith("socket:["):
                found.add(target[8:-1])
    except OSError:
        pass  # it has ended, or closed it meanwhile
    return found


def peers(pids, port):
    """IPv4 addresses on `port` at the other end of TCP sockets of the processes, in the caller's namespace."""
    mine = set().union(*(inodes(pid) for pid in pids))
    found = set()
    with open("/proc/self/net/tcp") as table:
        for line in list(table)[1:]:
            fields = line.split()
            address, _, number = fields[2].partition(":")
            if int(number, 16) == port and fields[3] not in (TCP_TIME_WAIT, TCP_CLOSE) and fields[9] in mine:
                found.add(".".join(str(int(address[place:place + 2], 16)) for place in (6, 4, 2, 0)))
    return found
