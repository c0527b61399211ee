"""Which fault, when, where and for how long: all of it from a seed.

What keeps a living server for every client: a server has one fault at a time and `settle` seconds of peace
after it, and at least two servers (one of two or three) have none. Only what befalls the whole fleet and
serving does not depend on, etcd's majority and certificates, comes on top of it.
"""

import random
from dataclasses import dataclass

from faults import Fault

FIRST = 4.0
PAUSE = (1.5, 4.0)
REST = 12.0  # at the end, without faults


@dataclass
class Step:
    at: float
    fault: Fault
    server: int  # 0 for the fleet
    seconds: float

    @property
    def free_at(self):
        return self.at + self.seconds + self.fault.settle

    def __str__(self):
        where = f"s{self.server}" if self.server else "all"
        return f"{self.at:7.1f} s  {where:4} {self.fault.key:13} for {self.seconds:4.1f} s"


def make(seed, minutes, servers, faults):
    chance, steps, at = random.Random(seed), [], FIRST
    untouched = 2 if servers > 3 else 1
    while at < minutes * 60 - REST:
        fault = chance.choices(faults, [fault.share for fault in faults])[0]
        seconds = round(chance.uniform(*fault.seconds), 1)
        busy = {step.server for step in steps if step.free_at > at}
        if fault.fleet:
            same = any(step.fault is fault and step.free_at > at for step in steps)
            server = None if same else 0
        else:
            free = [number for number in range(1, servers + 1) if number not in busy]
            server = chance.choice(free) if len(free) > untouched else None
        if server is not None:
            steps.append(Step(round(at, 1), fault, server, seconds))
        at += chance.uniform(*PAUSE)
    return steps
