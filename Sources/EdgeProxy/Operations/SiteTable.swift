internal import CertStore

/// The sites that an operator has taken out, as workers look them up by the host of a request.
final class SiteTable: Sendable {
  /// What is ordered of a host.
  struct Entry: Equatable, Sendable {
    /// Its requests wait; otherwise they are answered with a page.
    var isPaused: Bool
    /// When that is to end, in seconds since 1970; `nil` where nobody has said.
    var until: Int64?
  }

  private let hosts: NameTable<Entry>
  /// For each host that has no entry of its own.
  private let others: Entry?

  /// `nil` where no site is taken out.
  init?(_ orders: [(subject: OrderSubject, order: Order)]) {
    var named: [(name: [UInt8], value: Entry)] = []
    var others: Entry?
    for (subject, order) in orders {
      guard case .host(let host) = subject else { continue }
      let entry = Entry(isPaused: order.state == .paused, until: order.until)
      if host == HostPattern.all { others = entry } else { named.append((Array(host.utf8), entry)) }
    }
    guard !named.isEmpty || others != nil else { return nil }
    hosts = NameTable(named)
    self.others = others
  }

  /// What is ordered of a normalised host: by its name, else by its wildcard, else of all.
  func find(_ host: borrowing Span<UInt8>) -> Entry? { hosts.lookup(host) ?? others }
}
