internal import ArgumentParser
internal import Etcd

/// `edgeproxy node remove`: takes a server out of the fleet.
///
/// Its certificate is worth nothing to the others from then on, and they end its connections.
struct NodeRemoveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove", abstract: "Take a server out of the fleet.")

  @OptionGroup var file: ConfigurationFile

  @Argument(help: "The server, as 'edgeproxy node list' calls it.")
  var node: String

  func run() throws {
    try CommandBody.run {
      let session = try EtcdSession(file)
      let key = PeerEntry.key(prefix: session.settings.prefix, node: node)
      guard try session.stored(key) != nil else {
        throw CommandFailure("there is no server '\(node)' in the fleet")
      }
      let _: DeleteRangeResponse = try session.wait {
        session.client.deleteRange(DeleteRangeRequest(.key(key)), $0)
      }
      guard try session.stored(key) == nil else {
        throw CommandFailure("'\(node)' is still there: it has joined again meanwhile")
      }
      print("\(node)  removed")
    }
  }
}
