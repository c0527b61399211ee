package import EventLoop

/// What the file names outside of itself, with where it does, for whoever goes and looks.
package final class NamedThings {
  typealias Path = (path: String, position: Position)

  var states: [Path] = []
  var certificates: [Path] = []
  var challenges: [Path] = []
  /// Whose files routes answer with.
  var directories: [Path] = []
  /// Also the words that stand for no file.
  var logs: [Path] = []
  var sockets: [(address: SocketAddress, position: Position)] = []
  /// Nodes of all upstreams.
  package var nodes: [(address: NodeAddress, position: Position)] = []
  /// Where clients come in.
  package var listeners: [(address: SocketAddress, position: Position)] = []
  /// Files of authorities that certificates of nodes come from.
  var authorities: [Path] = []
  /// Normalised hosts of routes.
  var hosts: [(name: String, position: Position)] = []
  /// The etcd of the file and where it is named.
  package var etcd: (settings: SharedSettings, position: Position)?
  /// Where certificates from etcd are asked for.
  package var certificatesInEtcd: (source: CertificateSettings.EtcdSource, position: Position)?
  /// Upstreams whose nodes each server has, by what people call them.
  var everywhere: [(name: String, position: Position)] = []
  /// Upstreams without nodes of their own, by what people call them.
  var discoveries: [(name: String, position: Position)] = []
  /// The directory of keys that subscriptions are signed with.
  var signingKeys: Path?
  var defaultName: (name: String, position: Position)?

  package init() {}
}
