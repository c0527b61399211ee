internal import ArgumentParser
internal import Etcd
internal import EventLoop
internal import TLS

/// `edgeproxy node`: which servers belong to the fleet and may reach one another's instances, and which nodes of
/// upstreams get requests.
struct NodeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "node",
    abstract: "The servers of the fleet, and which nodes of upstreams get requests.",
    discussion: """
      'init', 'join', 'list' and 'remove' are about servers: they read the configuration for where etcd is. The \
      authority that vouches for the servers lies in etcd, sealed with the first of 'etcd.encryption_keys'.

      'disable', 'drain' and 'enable' are about nodes of upstreams: the running server carries them out.
      """,
    subcommands: [
      NodeInitCommand.self, NodeJoinCommand.self, NodeListCommand.self, NodeRemoveCommand.self,
      NodeDisableCommand.self, NodeDrainCommand.self, NodeEnableCommand.self,
    ])
}

extension EtcdSession {
  private var authorityKey: [UInt8] { Array((settings.prefix + PeerEntry.authorityName).utf8) }

  /// The keys that the authority is sealed with; it is never stored without.
  func sealingKeys() throws -> EncryptionKeys {
    guard let encryption else {
      throw CommandFailure(
        "'etcd.encryption_keys' is needed: the authority's private key is not stored without")
    }
    return encryption
  }

  func storedAuthority() throws -> KeyValue? { try stored(authorityKey) }

  /// The authority that vouches for servers; throws where there is none or it cannot be opened.
  func authority() throws -> NodeAuthority {
    let keys = try sealingKeys()
    guard let found = try storedAuthority() else {
      throw CommandFailure("there is no authority in etcd yet: 'edgeproxy node init'")
    }
    do throws(EnvelopeError) {
      return try NodeAuthority(sealed: found.value, with: keys)
    } catch {
      throw CommandFailure("the authority in etcd does not open: \(error)")
    }
  }

  func store(_ authority: NodeAuthority, insteadOf old: KeyValue?) throws {
    try replace(authorityKey, old, by: try authority.sealed(with: sealingKeys()))
  }

  /// The servers of the fleet, and the names of those whose entries cannot be read.
  func nodes() throws -> (entries: [PeerEntry], unreadable: [String]) {
    let range = KeyRange.prefix(Array((settings.prefix + PeerEntry.directory).utf8))
    let response: RangeResponse = try wait { client.range(RangeRequest(range), $0) }
    var (entries, unreadable): ([PeerEntry], [String]) = ([], [])
    for found in response.keyValues {
      if let entry = PeerEntry(key: found.key, value: found.value, prefix: settings.prefix) {
        entries.append(entry)
      } else if let node = PeerEntry.node(key: found.key, prefix: settings.prefix) {
        unreadable.append(node)
      }
    }
    return (entries, unreadable)
  }
}
