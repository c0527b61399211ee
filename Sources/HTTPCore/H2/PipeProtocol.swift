/// What one server of a fleet asks another for: a pipe to one of its instances, as a stream of an
/// extended CONNECT, RFC 8441.
package enum PipeProtocol {
  /// The value of `:protocol`.
  package static let name: StaticString = "edgeproxy-node"
  /// The field with the instance's address.
  package static let nodeField: StaticString = "node"
  /// In place of an address: no pipe is wanted, but whether the https port is open (200) or not (503).
  package static let httpsPort: StaticString = "https-port"
}
