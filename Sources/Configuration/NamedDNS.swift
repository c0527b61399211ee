package import EventLoop
package import HTTPCore

/// What `public`, `dns` and `records` name outside of the file, with where they do.
package struct NamedDNS {
  /// The addresses of `public`.
  package var addresses: [(address: IPAddress, position: Position)] = []
  /// Where questions of DNS are taken, over UDP and TCP.
  package var listeners: [(address: SocketAddress, position: Position)] = []
  /// Where the zone of `dns` is named.
  package var zone: Position?
  /// Where the provider of `records` is named.
  package var provider: Position?
}
