internal import DNSCore

/// A file that only the service may read, and what is in it.
struct NamedSecret {
  enum Kind {
    /// The key of an account that the operator has at a CA.
    case externalAccount
    /// The key of this name that updates of DNS are signed with.
    case transactions(DNSName, TSIGAlgorithm)
    /// One line.
    case password
    /// The users of a route, which whoever reads the configuration has read.
    case users
    /// Variables of a program, one a line.
    case environment
  }

  var path: String
  var position: Position
  var kind: Kind

  /// Users are read, and often kept, by others of the service's group.
  var need: PathAccess.Need {
    if case .users = kind { .read } else { .readAlone }
  }
}
