internal import HTTPCore

/// A server of the fleet, as it told what it is.
struct KnownServer: Sendable, Equatable {
  var node: String
  /// Its number among the name servers, from 1.
  var number: Int
  /// As clients know it.
  var addresses: [IPAddress]
  /// Its https port.
  var port: UInt16
}
