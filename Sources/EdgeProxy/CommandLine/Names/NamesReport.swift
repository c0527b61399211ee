internal import DNSCore
internal import FoundationEssentials
internal import HTTPCore

/// What a running server says of the fleet's addresses: the answer to `GET /dns`.
///
/// Members that a later server adds are passed over.
struct NamesReport: Decodable, Equatable {
  /// The zone that the fleet answers; `nil` where it only keeps records at a provider.
  var zone: String?
  var servers: [Server]
  /// What `all.ZONE` leads to.
  var living: [String]
  /// Why the words of other servers do not count now; `nil` where they do.
  var trouble: String?

  struct Server: Decodable, Equatable {
    var node: String
    var number: Int
    /// Its https port.
    var port: UInt16
    var addresses: [Address]
  }

  struct Address: Decodable, Equatable {
    var address: String
    /// `living`, `returning`, `away`, or a word of a later server.
    var state: String
    /// Since when, as RFC 3339 has it.
    var since: String?
    /// The servers that connect to it, and those that cannot.
    var seenBy: [String]
    var failedBy: [String]?
    /// Whether it is among the answers.
    var isAnswered: Bool

    private enum CodingKeys: String, CodingKey {
      case address, state, since
      case seenBy = "seen_by"
      case failedBy = "failed_by"
      case isAnswered = "answered"
    }
  }

  struct Unreadable: Error, CustomStringConvertible {
    let description = "what the server says about its names cannot be read"
  }

  init(json text: String) throws {
    guard let report = try? JSONDecoder().decode(NamesReport.self, from: Data(text.utf8)) else {
      throw Unreadable()
    }
    self = report
  }

  /// The servers, without what is no address; numbers are theirs, from 1.
  var known: [KnownServer] {
    servers.filter { $0.number > 0 }.map { server in
      KnownServer(
        node: server.node, number: server.number,
        addresses: server.addresses.compactMap { IPAddress(Array($0.address.utf8).span) },
        port: server.port)
    }
  }

  /// Every address is well and answered.
  var isWell: Bool {
    servers.allSatisfy { $0.addresses.allSatisfy { $0.isAnswered && $0.state == "living" } }
  }
}
