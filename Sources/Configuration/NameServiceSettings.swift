package import DNSCore
package import EventLoop
package import HTTPCore

/// What this server says in DNS about its fleet: where it listens, and for which zone.
///
/// Complete: every default is filled in.
package struct NameServiceSettings: Sendable, Equatable {
  /// The zone that is delegated to the servers of the fleet; nothing outside it is answered.
  package var zone: DNSName
  /// UDP and TCP; never none.
  ///
  /// By default port 53 of each address of `public`.
  package var listen: [SocketAddress]
  /// How long an answer with addresses may be kept, in seconds.
  package var seconds: UInt32
  /// An address that was away has to be well for so long before it is answered again.
  package var returnAfter: Duration
  /// The addresses of all servers, one list a server, for a fleet without etcd.
  ///
  /// Their order is the same in all configurations. May hold this server. Empty where etcd names them.
  package var servers: [[IPAddress]]
  /// Answers a second to one network (IPv4: /24, IPv6: /56) over UDP; `nil` for no limit.
  package var answersPerSecond: Int?
  /// Names that lead to `all.ZONE` at the provider, as `*.example.org`; what `dns setup` prints and checks.
  package var names: [String]

  package init(
    zone: DNSName, listen: [SocketAddress], seconds: UInt32, returnAfter: Duration,
    servers: [[IPAddress]], answersPerSecond: Int?, names: [String]
  ) {
    self.zone = zone
    self.listen = listen
    self.seconds = seconds
    self.returnAfter = returnAfter
    self.servers = servers
    self.answersPerSecond = answersPerSecond
    self.names = names
  }
}
