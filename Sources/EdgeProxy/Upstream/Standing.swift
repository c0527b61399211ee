/// What an operator lets a node have of the requests.
enum Standing: UInt8, Sendable {
  case enabled
  /// Only requests that a sticky cookie binds to it.
  case draining
  /// Nothing new at all.
  case disabled
}
