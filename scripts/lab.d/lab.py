"""The commands of scripts/lab."""

import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import faults
import fleet as fleets
import names
import network
import plan
import report
import trial
import verdict

UP_SECONDS = 60


def say(text):
    print(text, flush=True)


def clean_leftovers():
    """What laboratories left whose process is gone."""
    for owner in {*network.owners(), *(int(each.name[len(network.PREFIX):]) for each in laboratories())}:
        if not os.path.exists(f"/proc/{owner}"):
            fleets.clean(owner)


def laboratories():
    return [each for each in fleets.ROOT.glob(f"{network.PREFIX}*") if each.name[len(network.PREFIX):].isdigit()]


def standing():
    """The directory and the description of the laboratory of `up`."""
    for directory in laboratories():
        described = directory / "lab.json"
        if (directory / "held").exists() and described.exists():
            return directory, json.loads(described.read_text())
    raise SystemExit("lab: there is no laboratory; scripts/lab up makes one")


# Commands.

def hold(options):
    """What `up` leaves running: the owner of everything, until SIGTERM."""
    fleet = fleets.Fleet(options)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        fleet.up()
        (fleet.directory / "held").touch()
        while True:
            signal.pause()
    finally:
        fleet.down()


def up(options):
    log = fleets.ROOT / f"{network.PREFIX}up.log"
    with open(log, "wb") as output:
        keeper = subprocess.Popen([sys.executable, __file__, "hold", *sys.argv[2:]], stdin=subprocess.DEVNULL,
                                  stdout=output, stderr=output, start_new_session=True)
    directory, deadline = fleets.ROOT / f"{network.PREFIX}{keeper.pid}", time.monotonic() + UP_SECONDS
    while not (directory / "held").exists():
        if keeper.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"lab: it did not come up:\n{log.read_text()}")
        time.sleep(0.1)
    say(f"""
  {options.servers} servers, 10.77.0.11 and on; names app1.example.test and app2.example.test
  logs, records and configurations: {directory}

  As a client:
    ip netns exec {network.PREFIX}{keeper.pid}-client \\
      curl --cacert {directory}/authority/ca.pem https://app1.example.test/fast

  On a server:      scripts/lab shell 1
  How they are:     scripts/lab status
  The end of it:    scripts/lab down
""")


def shell(options):
    directory, described = standing()
    name = f"{network.PREFIX}{described['owner']}-{f's{options.number}' if options.number else 'client'}"
    os.chdir(directory)
    os.environ["PATH"] = f"{pathlib.Path(described['edgeproxy']).parent}:{os.environ['PATH']}"
    os.execvp("ip", ["ip", "netns", "exec", name, os.environ.get("SHELL", "bash")])


def status(_):
    directory, described = standing()
    for number in range(1, described["servers"] + 1):
        say(f"--- s{number}")
        name = f"{network.PREFIX}{described['owner']}-s{number}"
        said = network.run("ip", "netns", "exec", name, described["edgeproxy"], "status", "--config",
                           directory / f"s{number}/edgeproxy.yaml", check=False)
        say((said.stdout + said.stderr).rstrip())


def down(_):
    for directory in laboratories():
        owner = int(directory.name[len(network.PREFIX):])
        if (directory / "held").exists() and os.path.exists(f"/proc/{owner}"):
            os.kill(owner, signal.SIGTERM)
            while os.path.exists(f"/proc/{owner}"):
                time.sleep(0.1)
    clean_leftovers()


def conclude(options, steps):
    fleet, errors, trace = trial.run(options, steps, say)
    judged = verdict.Trial(fleet.records, fleet.journals, fleet.count, options.dns, options.ttl)
    status = report.write(judged, say)
    if trace and judged.faults:
        say("\n".join(["", f"Packets, all of them in {options.trace}", *trace.excerpts(judged.faults[0])]))
    for error in errors:
        say(f"\nThe laboratory's own mistake: {error}")
    if options.keep or status or errors:
        say(f"\nrecords and logs: {fleet.directory}")
    else:
        shutil.rmtree(fleet.directory)
    raise SystemExit(report.BROKEN if errors else status)


def chaos(options):
    steps = plan.make(options.seed, options.minutes, options.servers, faults.at_random(options.dns))
    say(f"seed {options.seed}, {options.minutes:g} minutes, {options.servers} servers, {len(steps)} faults, "
        f"DNS: {options.dns}\n"
        + "\n".join(map(str, steps)) + "\n")
    conclude(options, steps)


def fault(options):
    for key in filter(None, (options.name, options.also)):
        if faults.BY_KEY[key].dns not in (None, options.dns):
            raise SystemExit(f"lab: {key} needs --dns {faults.BY_KEY[key].dns}")
    one = faults.BY_KEY[options.name]
    seconds = options.seconds if options.seconds is not None else sum(one.seconds) / 2
    steps = [plan.Step(2.0, one, 0 if one.fleet else options.server, seconds)]
    if options.also:
        other = faults.BY_KEY[options.also]
        steps.append(plan.Step(4.0, other, 0 if other.fleet else options.server % options.servers + 1,
                               sum(other.seconds) / 2))
    conclude(options, steps)


def arguments():
    parser = argparse.ArgumentParser(prog="scripts/lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name, act, help):
        made = commands.add_parser(name, help=help)
        made.set_defaults(act=act)
        return made

    def laboratory(made):
        made.add_argument("--servers", type=int, default=5, help="2 to 20")
        made.add_argument("--discovery", choices=["static", "subscriptions"], default="subscriptions",
                          help="how instances are found; subscriptions are shared through etcd")
        made.add_argument("--edge-to-edge", action=argparse.BooleanOptionalAction, default=True,
                          help="instances listen on loopback; servers reach those of others through their edges")
        made.add_argument("--dns", choices=list(names.KINDS), default="monitor",
                          help="who names the servers to clients: a server of DNS with a monitor, or the fleet itself")
        made.add_argument("--ttl", type=int, default=2, help="of A records, in seconds")
        made.add_argument("--period", type=float, default=2, help="of the DNS monitor, in seconds")
        made.add_argument("--return-after", type=float, default=10, metavar="SECONDS",
                          help="until the fleet names a server again that was away")
        made.add_argument("--edgeproxy", type=pathlib.Path, required=True, help=argparse.SUPPRESS)

    def load(made):
        made.add_argument("--rate", type=float, default=80, help="of the browsers, requests per second")
        made.add_argument("--seed", type=int, default=1)
        made.add_argument("--keep", action="store_true", help="keep records and logs of a run that went well")

    for name, act, help in (("up", up, "make a laboratory and leave it"), ("hold", hold, argparse.SUPPRESS)):
        laboratory(command(name, act, help))
    command("shell", shell, "a shell on server N, or on the clients' side for 0").add_argument("number", type=int)
    command("status", status, "what each edgeproxy says of itself")
    command("down", down, "take the laboratory away, and what crashed ones left")
    made = command("chaos", chaos, "faults at random under load; exit status 1 for a broken promise, 3 where only bounds of time were")
    laboratory(made)
    load(made)
    made.add_argument("--minutes", type=float, default=2)
    made = command("fault", fault, "one fault under load, and its effect")
    laboratory(made)
    load(made)
    made.add_argument("name", choices=list(faults.BY_KEY), metavar="NAME", help=", ".join(faults.BY_KEY))
    made.add_argument("--server", type=int, default=2)
    made.add_argument("--seconds", type=float)
    made.add_argument("--also", choices=list(faults.BY_KEY), metavar="NAME",
                      help="another, two seconds later, at the next server or at all")
    made.add_argument("--trace", metavar="FILE", type=pathlib.Path,
                      help="keep the packets between the clients and the server (tcpdump), and show what tells")
    return parser.parse_args()


def main():
    options = arguments()
    if os.geteuid() != 0:
        raise SystemExit("lab: network namespaces need root")
    if not 2 <= getattr(options, "servers", 5) <= 20:
        raise SystemExit("lab: --servers is 2 to 20")
    clean_leftovers()
    options.act(options)


main()
