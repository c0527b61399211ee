package import EventLoop
internal import TLS

/// What the file names outside of itself, with where it does, for whoever goes and looks.
package final class NamedThings {
  typealias Path = (path: String, position: Position)

  /// Upstreams by what people call them.
  struct Upstreams {
    /// Those whose nodes each server has.
    var everywhere: [(name: String, position: Position)] = []
    /// Those without nodes of their own.
    var discovered: [(name: String, position: Position)] = []
  }

  struct Routed {
    /// Normalised hosts, but not the catch-all.
    var hosts: [(name: String, position: Position)] = []
    /// A route is for every host that no other route has.
    var hasCatchAll = false
    /// Normalised names that clients are sent to.
    var canonicalHosts: [(name: String, position: Position)] = []
  }

  /// Files that are read, and those that the server makes besides its logs.
  package struct Files {
    /// Whose files routes answer with.
    var directories: [Path] = []
    /// Of authorities that certificates of nodes come from.
    var authorities: [Path] = []
    /// What hosts ask of clients' certificates, as each route says it.
    var clientRules: [(rule: ClientRule, position: Position)] = []
    /// The directory of keys that subscriptions are signed with.
    var signingKeys: Path?
    /// The members and files of etcd, by the keys of `etcd`.
    package var etcd: [(key: String, text: String, position: Position)] = []
    /// What only the service may read.
    var secrets: [NamedSecret] = []
    /// What is called to write records.
    var programs: [Path] = []
    /// Where the server makes sockets of its own.
    var ownSockets: [Path] = []
  }

  var states: [Path] = []
  var certificates: [Path] = []
  var challenges: [Path] = []
  /// Also the words that stand for no file.
  var logs: [Path] = []
  var sockets: [(address: SocketAddress, position: Position)] = []
  /// Nodes of all upstreams.
  package var nodes: [(address: NodeAddress, position: Position)] = []
  /// Where clients come in.
  package var listeners: [(address: SocketAddress, position: Position)] = []
  /// What routes say of hosts.
  var routed = Routed()
  /// The etcd of the file and where it is named.
  package var etcd: (settings: SharedSettings, position: Position)?
  /// Where certificates from etcd are asked for.
  package var certificatesInEtcd: (source: CertificateSettings.EtcdSource, position: Position)?
  var upstreams = Upstreams()
  package var files = Files()
  var defaultName: (name: String, position: Position)?
  /// What `acme` says.
  package var acme = NamedAcme()
  /// What `public`, `dns` and `records` say.
  package var dns = NamedDNS()

  package init() {}

  /// Normalised hosts of routes, but not the catch-all.
  package var hosts: [(name: String, position: Position)] { routed.hosts }
}
