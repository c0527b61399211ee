/// Bounds on what a peer may send in a head; every one has a name, a unit and a default.
package struct HeadLimits: Sendable, Equatable {
  /// A request head up to its empty line.
  package var headBytes = 32 * 1024
  package var fields = 100
  package var requestLineBytes = 16 * 1024
  /// A response head up to its empty line.
  package var responseHeadBytes = 64 * 1024

  package init() {}
}

/// Bounds that no operator needs to change.
package enum FixedLimits {
  /// Chunk extensions of one chunk, RFC 9112 §7.1.1.
  package static let chunkExtensionBytes = 1024
  /// A whole trailer section.
  package static let trailerBytes = 8 * 1024
  package static let trailerFields = 100
  /// Fields in an application's response head.
  package static let responseFields = 256
  /// The size field of a uwsgi packet has 16 bits.
  package static let uwsgiBlockBytes = 65_535
  /// uWSGI's default `max-vars` takes this many variables.
  package static let uwsgiVariables = 128
  /// A DNS name without its last dot, RFC 1035 §2.3.4.
  package static let hostNameBytes = 253
  package static let hostLabelBytes = 63
}
