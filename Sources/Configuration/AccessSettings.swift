package import HTTPCore
package import Passwords

/// Which clients a route, or the whole server, answers.
///
/// A class, so that a request which finds none pays one comparison and copies no lists.
package final class AddressRules: Sendable, Equatable {
  /// Only these clients; `nil` for all.
  package let allow: [Network]?
  /// Not these, whatever `allow` says.
  package let deny: [Network]

  package init(allow: [Network]?, deny: [Network]) {
    self.allow = allow
    self.deny = deny
  }

  package func admits(_ client: IPAddress) -> Bool {
    if deny.contains(client) { return false }
    return allow.map { $0.contains(client) } ?? true
  }

  package static func == (left: AddressRules, right: AddressRules) -> Bool {
    left.allow == right.allow && left.deny == right.deny
  }
}

/// What a request has to pass before a route answers it.
package final class AccessSettings: Sendable, Equatable {
  package let addresses: AddressRules?
  package let passwords: BasicAuthSettings?
  package let authenticator: ForwardAuthSettings?

  package init(
    addresses: AddressRules? = nil, passwords: BasicAuthSettings? = nil,
    authenticator: ForwardAuthSettings? = nil
  ) {
    self.addresses = addresses
    self.passwords = passwords
    self.authenticator = authenticator
  }

  package static func == (left: AccessSettings, right: AccessSettings) -> Bool {
    left.addresses == right.addresses && left.passwords == right.passwords
      && left.authenticator == right.authenticator
  }
}

/// Names and passwords that a route asks for, RFC 7617.
package struct BasicAuthSettings: Sendable, Equatable {
  package var file: String
  /// The value of WWW-Authenticate.
  package var challenge: [UInt8]
  /// What was in the file when the configuration was read.
  package var users: UserTable

  package init(file: String, realm: String, users: UserTable) {
    self.file = file
    challenge = Array("Basic realm=\"\(realm)\", charset=\"UTF-8\"".utf8)
    self.users = users
  }
}

/// Another application that says whether a request may go on.
package struct ForwardAuthSettings: Sendable, Equatable {
  /// An index into `Configuration.upstreams`.
  package var upstream: Int
  /// What it is asked for, with a query or without.
  package var path: [UInt8]
  /// The fields of its answer that the request gets.
  package var copied: [[UInt8]]
  /// Which of them names the user; `nil` for none.
  package var user: [UInt8]?
}
