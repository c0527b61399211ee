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
  /// A request method; the longest registered one has 17, RFC 9110 §16.1.
  package static let methodBytes = 32
  /// Fields that one message may name in `Connection`, RFC 9110 §7.6.1.
  package static let nominations = 32
  /// Fields in an application's response head.
  package static let responseFields = 256
  /// The size field of a uwsgi packet has 16 bits.
  package static let uwsgiBlockBytes = 65_535
  /// uWSGI's default `max-vars` takes this many variables.
  package static let uwsgiVariables = 128
  /// A DNS name without its last dot, RFC 1035 §2.3.4.
  package static let hostNameBytes = 253
  package static let hostLabelBytes = 63

  // MARK: HTTP/2

  /// The largest frame that we take and send, RFC 9113 §4.2: the least that there may be.
  package static let frameBytes = 16_384
  /// What a client may send of one request body before we have taken it, and of all of a connection.
  package static let streamWindowBytes = 1 << 20
  package static let connectionWindowBytes = 2 << 20
  /// The same of a pipe between servers, and of all pipes of a connection: 64 whose readers stand still
  /// do not hold up the others.
  package static let pipeWindowBytes = 256 << 10
  package static let pipesWindowBytes = 16 << 20
  /// Pipes of one connection.
  package static let pipes = 1000
  /// What the tunnels of a connection may keep of it before its other requests have to wait.
  package static let tunnelBytesKept = 1 << 20
  /// What nghttp2 may take a head of ours for: it counts 12 bytes more for each field, and no head
  /// that we write has more than 64 KiB or a line of fewer than 5.
  package static let sentHeadBytes = 256 << 10
  /// Streams whose reset by us is remembered, since the client may not know of it yet.
  package static let resetsRemembered = 128
  /// CONTINUATION frames of one head.
  package static let continuations = 8
  /// A head is read to its end for a polite answer up to so many times its limit.
  package static let headExcess = 4

  /// Frames that one connection may send at once, and how many more each second.
  package struct FrameRate: Sendable {
    package let burst: Int
    package let perSecond: Int
  }

  /// How many bursts more a client may send before the connection ends, once it has been told that no
  /// more streams are taken.
  package static let burstsAfterGoodbye = 4
  /// RST_STREAM, and the errors that make us send one; each whole answer allows for more.
  package static let resets = FrameRate(burst: 500, perSecond: 50)
  package static let resetsPerAnswer = 1
  /// SETTINGS, PING and whatever else only has to be answered; requests and frames of answers allow for
  /// more.
  package static let controlFrames = FrameRate(burst: 100, perSecond: 10)
  package static let controlFramesPerRequest = 2
  package static let controlFramesPerFrame = 1
  /// HEADERS on streams that can have none any more, or none of ours.
  package static let strayHeads = FrameRate(burst: 200, perSecond: 20)
  /// DATA without data that ends nothing.
  package static let emptyFrames = FrameRate(burst: 100, perSecond: 10)
  package static let emptyFramesPerRequest = 1
  /// WINDOW_UPDATE; requests, and what a client takes of their answers, allow for more.
  package static let windowUpdates = FrameRate(burst: 1000, perSecond: 100)
  package static let bytesPerWindowUpdate = 512
  package static let windowUpdatesPerRequest = 4
  /// One for the stream and one for the connection.
  package static let windowUpdatesPerFrame = 2
  /// PRIORITY, PRIORITY_UPDATE and frames of unknown types; requests allow for more.
  package static let priorities = FrameRate(burst: 300, perSecond: 30)
  package static let prioritiesPerRequest = 4
}
