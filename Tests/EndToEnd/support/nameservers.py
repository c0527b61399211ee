"""Other people's servers of DNS: nsd as the provider that has the parent zone, unbound as the clients' resolver.

They are given configurations here and started elsewhere: by tests and by the laboratory.
"""

import os
import shutil

PLACES = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
NSD_CONFIGURATION = """server:
  {addresses}
  username: ""
  chroot: ""
  pidfile: ""
  database: ""
  xfrdfile: ""
  xfrdir: "{directory}"
  zonelistfile: "{directory}/zones.list"
  zonesdir: "{directory}"
  server-count: 1
remote-control:
  control-enable: no
zone:
  name: {zone}
  zonefile: {zone}.zone
"""
ZONE = """$ORIGIN {zone}.
$TTL 3600
@ SOA ns hostmaster 1 3600 600 86400 5
@ NS ns
{records}
"""
# As it comes, but for what would keep it from asking servers on this machine for names below .test.
UNBOUND_CONFIGURATION = """server:
  directory: "{directory}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  interface: {address}@{port}
  access-control: 0.0.0.0/0 allow
  do-not-query-localhost: no
  local-zone: "test." nodefault
  module-config: "iterator"
  use-caps-for-id: yes
  qname-minimisation: yes
{options}
remote-control:
  control-enable: no
stub-zone:
  name: "{zone}"
  stub-addr: {provider}
"""
NSD_READY, UNBOUND_READY = "nsd started", "start of service"


def provider(directory, zone, addresses, records):
    """The command of an nsd with this zone; `records` are lines of a zone file, `ns` of it among them."""
    directory.mkdir(parents=True, exist_ok=True)
    lines = "\n  ".join(f"ip-address: {address}" for address in addresses)
    (directory / "nsd.conf").write_text(
        NSD_CONFIGURATION.format(directory=directory, zone=zone, addresses=lines))
    (directory / f"{zone}.zone").write_text(ZONE.format(zone=zone, records="\n".join(records)))
    return [shutil.which("nsd", path=PLACES), "-d", "-c", directory / "nsd.conf"]


def resolver(directory, address, port, zone, provider, *options):
    """The command of an unbound that knows where the zone is; `options` are lines more of its `server`."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "unbound.conf").write_text(UNBOUND_CONFIGURATION.format(
        directory=directory, address=address, port=port, zone=zone, provider=provider,
        options="\n".join(f"  {option}" for option in options)))
    return [shutil.which("unbound", path=PLACES), "-d", "-c", directory / "unbound.conf"]


def delegation(child, servers):
    """Lines of the parent's zone: `servers` has the addresses of the child's name servers by their whole names."""
    lines = [f"{child}. NS {name}." for name in sorted(servers)]
    return lines + [f"{name}. {'AAAA' if ':' in address else 'A'} {address}"
                    for name in sorted(servers) for address in servers[name]]
