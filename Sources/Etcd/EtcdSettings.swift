package import TLS

/// The members of etcd, and how this server proves its identity to them.
package struct EtcdSettings: Sendable, Equatable {
  /// The members, at least one.
  package var endpoints: [Endpoint]
  package var identity: ClientIdentity
  package var credentials: Credentials?

  package init(endpoints: [Endpoint], identity: ClientIdentity, credentials: Credentials? = nil) {
    self.endpoints = endpoints
    self.identity = identity
    self.credentials = credentials
  }

  /// A user of etcd's own authentication; its password is not printed.
  package struct Credentials: Sendable, Equatable, CustomStringConvertible,
    CustomDebugStringConvertible
  {
    package let user: String
    let password: String

    package init(user: String, password: String) {
      self.user = user
      self.password = password
    }

    package var description: String { "user \(user)" }
    package var debugDescription: String { description }
  }
}
