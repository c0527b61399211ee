package import EventLoop

/// One lease as its holder knows it: its identifier, and until when it holds without a further word.
///
/// It does no I/O and is told the time. What etcd says of times is believed within bounds.
package struct LeaseTerm: Equatable, Sendable {
  /// What an answer to a renewal means.
  package enum Renewal: Equatable, Sendable {
    /// It is about another lease.
    case foreign
    /// The lease begins anew.
    case holds
    /// There is no such lease any more.
    case gone
  }

  package let id: Int64
  /// When etcd drops the lease at the latest, if it hears nothing.
  package private(set) var expiry: Instant

  /// etcd may give longer leases than are asked for, but none of ours is for hours.
  package static let longest = Duration.seconds(3600)

  /// The lease that an answer grants; `nil` where it grants none.
  package init?(_ response: LeaseGrantResponse, asked: Instant) {
    // Under the identifier 0 keys would stay for ever.
    guard response.seconds > 0, response.id != 0, response.error.isEmpty else { return nil }
    id = response.id
    expiry = asked + Self.believed(response.seconds)
  }

  static func read(_ response: LeaseGrantResponse, asked: Instant) -> Result<Self, CallError> {
    guard let term = Self(response, asked: asked) else {
      let error = response.error
      return .failure(.malformed(error.isEmpty ? "it grants no lease" : error))
    }
    return .success(term)
  }

  package func isOver(now: Instant) -> Bool { now >= expiry }

  package mutating func renewed(by response: LeaseKeepAliveResponse, now: Instant) -> Renewal {
    guard response.id == id else { return .foreign }
    // etcd answers for a lease that is gone, without a time to live.
    guard response.isAlive else { return .gone }
    expiry = now + Self.believed(response.seconds)
    return .holds
  }

  private static func believed(_ seconds: Int64) -> Duration { min(.seconds(seconds), longest) }
}
