# shellcheck shell=bash
# What has to be installed, on Debian 12+ and Ubuntu 22.04+. Sourced by the commands in scripts/.

say() { printf '%s\n' "$*" >&2; }

die() {
  say "${0##*/}: $*"
  exit 1
}

# What the build links, and what the demo applications run on.
# shellcheck disable=SC2034  # read by those that source this
build_packages=(libssl-dev libnghttp2-dev zlib1g-dev libzstd-dev libbrotli-dev libyaml-dev libcrypt-dev pkg-config)
# shellcheck disable=SC2034
application_packages=(uwsgi-core uwsgi-plugin-python3 python3-flask)
# Ubuntu has Chromium as a snap only, which needs a running snapd: there the tests with a browser are skipped.
# shellcheck disable=SC2034
browser_packages=()
! grep -qsx 'ID="\?debian"\?' /etc/os-release || browser_packages=(chromium)

# need_packages PACKAGE...: installs those that are missing, as root or through sudo.
need_packages() {
  local package missing=()
  command -v dpkg-query >/dev/null ||
    die "this is neither Debian nor Ubuntu; install what these packages hold, then set SKIP_PACKAGES=1: $*"
  [ -z "${SKIP_PACKAGES:-}" ] || return 0
  for package in "$@"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed$' || missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0

  local as_root=()
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null ||
      die "packages are missing and there is no sudo; as root: apt-get install ${missing[*]}"
    as_root=(sudo)
  fi
  say "installing ${#missing[@]} packages: ${missing[*]}"
  local install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive
    apt-get install -y -qq --no-install-recommends "${missing[@]}")
  "${install[@]}" >/dev/null 2>&1 ||
    { "${as_root[@]}" apt-get update -qq && "${install[@]}" >/dev/null; } ||
    die "could not install: ${missing[*]}"
  if [ -d /run/systemd/system ]; then
    # A server that came only to be measured or tested with must not take its port.
    local pair
    for pair in nginx:nginx apache2:apache2 etcd-server:etcd mariadb-server:mariadb bind9:named nsd:nsd unbound:unbound; do
      [[ " ${missing[*]} " != *" ${pair%:*} "* ]] || "${as_root[@]}" systemctl disable --now "${pair#*:}"
    done
  fi
}

# need_swift: fails with directions unless Swift 6.3 or later is on PATH and runs.
need_swift() {
  local version said
  command -v swift >/dev/null ||
    die "swift is not on PATH; install Swift 6.3 from https://www.swift.org/install/linux/ and add its usr/bin to PATH"
  said=$(swift --version 2>&1) ||
    die "swift does not run; install the packages that https://www.swift.org/install/linux/ names for this distribution. It says:
$said"
  version=$(sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' <<<"$said" | head -n 1)
  [ "$(printf '6.3\n%s\n' "$version" | sort -V | head -n 1)" = 6.3 ] ||
    die "Swift 6.3 or later is needed, found ${version:-an unknown version} at $(command -v swift)"
}

# build_release: leaves the path of the release binary in `edgeproxy`, or takes it from EDGEPROXY.
build_release() {
  edgeproxy=${EDGEPROXY:-}
  [ -z "$edgeproxy" ] || return 0
  need_swift
  need_packages "${build_packages[@]}"
  say "building edgeproxy (release); the first build takes about four minutes on two cores"
  # The linker has a word on a function of Foundation that nothing here calls.
  swift build -c release --static-swift-stdlib --product edgeproxy 2>&1 | sed "/use of .mktemp. is dangerous/d" >&2
  # shellcheck disable=SC2034  # read by who sources this
  edgeproxy=$(swift build -c release --static-swift-stdlib --show-bin-path)/edgeproxy
}
