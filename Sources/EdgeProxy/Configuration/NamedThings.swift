internal import EventLoop

/// What the file names outside of itself, with where it does, for whoever goes and looks.
final class NamedThings {
  typealias Path = (path: String, position: Position)

  /// Directories that somebody has to make.
  var directories: [Path] = []
  /// Directories that the server or its service manager makes.
  var willBeMade: [Path] = []
  var sockets: [(address: SocketAddress, position: Position)] = []
  /// Normalised hosts of routes.
  var hosts: [(name: String, position: Position)] = []
  /// `nil` where the file was not read so far.
  var certificates: Path?
  var defaultName: (name: String, position: Position)?
}
