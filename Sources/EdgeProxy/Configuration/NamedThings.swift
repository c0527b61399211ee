internal import EventLoop

/// What the file names outside of itself, with where it does, for whoever goes and looks.
final class NamedThings {
  typealias Path = (path: String, position: Position)

  var states: [Path] = []
  var certificates: [Path] = []
  var challenges: [Path] = []
  /// Also the words that stand for no file.
  var logs: [Path] = []
  var sockets: [(address: SocketAddress, position: Position)] = []
  /// Normalised hosts of routes.
  var hosts: [(name: String, position: Position)] = []
  var defaultName: (name: String, position: Position)?
}
