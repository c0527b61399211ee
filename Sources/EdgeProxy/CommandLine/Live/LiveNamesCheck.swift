internal import CertStore
internal import Configuration
internal import DNS
internal import DNSCore
internal import EventLoop
internal import HTTPCore

/// Whether the zone of the fleet is delegated to its servers, and its names lead to it.
///
/// What is wrong may be so until somebody has entered it at the provider, so all of it is a warning.
struct LiveNamesCheck {
  let check: LiveCheck
  let settings: NameServiceSettings
  let loop: EventLoop

  func run() throws(SystemError) {
    let text = try? WholeFile.read(ResolverFile.path, bytesMax: ResolverFile.bytesMax)
    let wire = NamesSurvey.Wire(resolvers: ResolverFile.servers(text ?? []))
    let survey = NamesSurvey(wire, on: loop)
    let search = FleetSearch(check.configuration, settings)
    let setup = NamesSetup(
      fleet: search.servers(), names: search.names, ordered: search.orderedNames)
    let records = setup.records(zones: try setup.zones(survey))
    tell(try survey.delegation(of: setup.fleet), then: "'edgeproxy dns setup' prints what to enter")
    // Whether this server answers is seen once it runs; its ports are tried.
    let own = Set(check.configuration.publicAddresses)
    tell(try survey.ports(setup.fleet, but: own), then: nil)
    tell(try survey.names(records), then: nil)
  }

  private func tell(_ findings: [NamesFinding], then advice: String?) {
    let position = check.named.dns.zone ?? .start
    let end = advice.map { "; \($0)" } ?? ""
    for finding in findings {
      switch finding.verdict {
      case .ok: break
      case .wrong: check.findings.warning(position, finding.text + end)
      case .unknown: check.findings.note(position, finding.text)
      }
    }
  }

  /// What to do about a program that has the port of DNS; `nil` where nothing is known.
  static func advice(_ owner: PortOwner) -> String? {
    switch owner.name {
    // The kernel keeps 15 bytes of it.
    case "systemd-resolve":
      "; it answers for this machine at 127.0.0.53, which may stay: list the public addresses in 'dns.listen',"
        + " or take away what 'DNSStubListenerExtra=' adds in resolved.conf"
    case "dnsmasq":
      "; give it 'bind-interfaces' and the addresses of its own with 'listen-address='"
    case "named", "unbound", "nsd", "knotd", "pdns_server":
      "; a name server for the world cannot share the address: give it another one, or stop it"
    default: nil
    }
  }
}
