#!/bin/sh
# A hook that changes TXT records by the dnsapi scripts of acme.sh: for certificates by challenge dns. They keep no
# addresses.
#
#   records: { zone: example.org, names: ["*"], provider: exec, command: /usr/share/edgeproxy/hooks/acme.sh,
#              environment_file: /etc/edgeproxy/hook.env }
#
# The environment file (mode 0640, group edgeproxy) says where acme.sh is, which script is taken, and its keys:
#
#   ACMESH_HOME=/opt/acme.sh
#   ACMESH_DNSAPI=dns_cf
#   CF_Token=...
#
# The service has to be able to read ACMESH_HOME; /root/.acme.sh it cannot. The server calls it as
# `acme.sh add|remove NAME TXT VALUE TTL`, or as lego calls programs: `acme.sh present|cleanup FQDN VALUE`.
set -eu

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

usage="usage: $0 add|remove NAME TXT VALUE TTL, or $0 present|cleanup FQDN VALUE"
case ${1:-}:$# in
  add:5 | remove:5)
    [ "$3" = TXT ] || fail "the scripts of acme.sh keep TXT records alone; for $3 take another hook, such as lexicon"
    action=$1 name=$2 value=$4
    ;;
  present:3) action=add name=$2 value=$3 ;;
  cleanup:3) action=remove name=$2 value=$3 ;;
  *) fail "$usage" ;;
esac
name=${name%.}
home=${ACMESH_HOME:?is not in the environment file: the folder that has acme.sh and dnsapi}
api=${ACMESH_DNSAPI:?is not in the environment file: a script of dnsapi, such as dns_cf}
[ -r "$home/acme.sh" ] || fail "$home/acme.sh cannot be read"
[ -r "$home/dnsapi/$api.sh" ] || fail "$home/dnsapi/$api.sh cannot be read"

# Here acme.sh keeps the heads of answers.
HTTP_HEADER=$(mktemp)
trap 'rm -f "$HTTP_HEADER"' EXIT

# acme.sh is not written for these. It runs what it is given, here nothing, and leaves its functions.
set +eu
set -- :
# shellcheck source=/dev/null
. "$home/acme.sh"
# shellcheck source=/dev/null
. "$home/dnsapi/$api.sh"

# The keys come with each call: none is written to a disk, and none that was written before is taken.
_saveaccountconf() { :; }
_saveaccountconf_mutable() { :; }
_readaccountconf() { :; }
_readaccountconf_mutable() { :; }
_clearaccountconf() { :; }
_clearaccountconf_mutable() { :; }
_savedomainconf() { :; }
_readdomainconf() { :; }
_cleardomainconf() { :; }

case $action in
  add) "${api}_add" "$name" "$value" || fail "${api}_add failed for $name" ;;
  remove) "${api}_rm" "$name" "$value" || fail "${api}_rm failed for $name" ;;
esac
