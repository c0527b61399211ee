/// A request on a stream of watches.
package enum WatchRequest: Equatable, Sendable {
  case create(WatchCreateRequest)
  case cancel(watchID: Int64)
  /// Asks for a header that says how far the stream has come.
  case progress

  package func encoded() -> [UInt8] {
    var writer = ProtobufWriter()
    switch self {
    case .create(let request):
      writer.write(1, message: request.encoded())
    case .cancel(let watchID):
      var inner = ProtobufWriter()
      inner.write(1, watchID)
      writer.write(2, message: inner.bytes)
    case .progress:
      writer.write(3, message: [])
    }
    return writer.bytes
  }
}

/// Asks for the changes of a range.
package struct WatchCreateRequest: Equatable, Sendable {
  package var range: KeyRange
  /// The first revision whose changes are wanted; 0 for those from now on.
  package var startRevision: Int64
  /// Send a header every ten minutes in which nothing changes.
  package var wantsProgress = false
  package var wantsPrevious = false
  /// Send a message above 2 MiB in pieces.
  package var allowsFragments = false

  package init(_ range: KeyRange, from startRevision: Int64 = 0) {
    self.range = range
    self.startRevision = startRevision
  }

  package func encoded() -> [UInt8] {
    var writer = ProtobufWriter()
    writer.write(1, range.start)
    writer.write(2, range.end)
    writer.write(3, startRevision)
    writer.write(4, wantsProgress)
    writer.write(6, wantsPrevious)
    writer.write(8, allowsFragments)
    return writer.bytes
  }
}

/// What comes on a stream of watches: that one began or ended, changes, or only a header.
package struct WatchResponse: Equatable, Sendable {
  package var header = ResponseHeader()
  /// -1 for an answer about the whole stream, and for a watch that was refused.
  package var watchID: Int64 = 0
  package var isCreated = false
  package var isCanceled = false
  /// Where not 0, the oldest revision that can still be watched from.
  package var compactRevision: Int64 = 0
  package var cancelReason = ""
  /// More of the same revision follows.
  package var isFragment = false
  package var events: [Event] = []

  package init() {}

  package init(decoding bytes: [UInt8]) throws(ProtobufError) {
    var reader = ProtobufReader(bytes)
    while let field = try reader.next() {
      switch field {
      case 1: header = try ResponseHeader(decoding: reader.bytes())
      case 2: watchID = try reader.signed()
      case 3: isCreated = try reader.flag()
      case 4: isCanceled = try reader.flag()
      case 5: compactRevision = try reader.count()
      case 6: cancelReason = try reader.text()
      case 7: isFragment = try reader.flag()
      case 11: events.append(try Event(decoding: reader.bytes()))
      default: try reader.skip()
      }
    }
  }
}
