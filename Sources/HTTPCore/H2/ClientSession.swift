internal import CNghttp2

/// The client's side of one HTTP/2 connection, RFC 9113: bytes in, events out, no sockets.
///
/// It is made for servers that we know, on the control thread; every answer is copied into values.
@safe
package final class ClientSession {
  package struct Field: Equatable, Sendable {
    package let name: String
    package let value: String

    package init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  package enum Event: Equatable, Sendable {
    /// A response head, or trailers.
    case fields(stream: Int32, [Field])
    case data(stream: Int32, [UInt8])
    /// The server has said all it will on this stream; ours may still be open.
    case ended(stream: Int32)
    /// Nothing more happens on this stream in either direction.
    case closed(stream: Int32, code: UInt32)
    case pong
    /// No new streams; those above `lastStream` were not begun.
    case goingAway(lastStream: Int32, code: UInt32, reason: String)
  }

  /// What waits to be sent on a stream.
  struct Outgoing {
    var bytes: [UInt8] = []
    var sent = 0
    var isLast = false
  }

  package static let fieldsMax = 100
  package static let headBytesMax = 32 << 10
  /// What a server may send before it is read: the largest message of etcd fits.
  package static let streamWindowBytes: Int32 = 4 << 20
  package static let connectionWindowBytes: Int32 = 16 << 20

  private let session: OpaquePointer
  // Written by the callbacks.
  var events: [Event] = []
  var heads: [Int32: [Field]] = [:]
  var outgoing: [Int32: Outgoing] = [:]

  /// Begins the connection; its first words are in `output`.
  package init() throws(HTTP2Error) {
    unsafe session = try ClientCallbacks.makeSession()
    // SAFETY: the session is deleted in `deinit`, so it never outlives its owner.
    unsafe nghttp2_session_set_user_data(session, Unmanaged.passUnretained(self).toOpaque())
    var settings = [
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_ENABLE_PUSH.rawValue), value: 0),
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue),
        value: UInt32(Self.streamWindowBytes)),
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue),
        value: UInt32(Self.headBytesMax)),
    ]
    let none = UInt8(NGHTTP2_FLAG_NONE.rawValue)
    try HTTP2Error.check(
      unsafe nghttp2_submit_settings(session, none, &settings, settings.count))
    try HTTP2Error.check(
      unsafe nghttp2_session_set_local_window_size(session, none, 0, Self.connectionWindowBytes))
  }

  deinit { unsafe nghttp2_session_del(session) }

  // MARK: Requests

  /// Begins a request whose body is still to come (`send`), and returns its stream.
  ///
  /// Pseudo-header fields come first. Throws when the connection takes no more streams.
  package func request(_ fields: [Field]) throws(HTTP2Error) -> Int32 {
    var provider = unsafe nghttp2_data_provider()
    unsafe provider.read_callback = ClientCallbacks.bodyWanted
    let stream = unsafe FieldList(fields).withPairs { pairs in
      unsafe nghttp2_submit_request(session, nil, pairs.baseAddress, pairs.count, &provider, nil)
    }
    try HTTP2Error.check(stream)
    outgoing[stream] = Outgoing()
    return stream
  }

  /// Sends more of a request's body; nothing happens on a stream that is closed.
  package func send(_ bytes: [UInt8], on stream: Int32, isLast: Bool) {
    guard outgoing[stream] != nil else { return }
    outgoing[stream]?.bytes += bytes
    outgoing[stream]?.isLast = isLast
    // A stream that is not waiting says so, which does not matter.
    _ = unsafe nghttp2_session_resume_data(session, stream)
  }

  /// Ends a stream at once, in both directions.
  package func cancel(_ stream: Int32) {
    outgoing[stream] = nil
    _ = unsafe nghttp2_submit_rst_stream(
      session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream, NGHTTP2_CANCEL.rawValue)
  }

  /// Asks for a sign of life: `Event.pong`.
  package func ping() {
    _ = unsafe nghttp2_submit_ping(session, UInt8(NGHTTP2_FLAG_NONE.rawValue), nil)
  }

  // MARK: Bytes

  /// Takes what the server sent and returns what it means.
  ///
  /// After an error the connection is of no use, but `output` may hold a last word to the server.
  package func receive(_ bytes: borrowing Span<UInt8>) throws(HTTP2Error) -> [Event] {
    // SAFETY: nghttp2 reads `count` bytes during the call and keeps none.
    let result = unsafe bytes.withUnsafeBufferPointer { buffer in
      unsafe nghttp2_session_mem_recv(session, buffer.baseAddress, buffer.count)
    }
    defer { events.removeAll() }
    try HTTP2Error.check(Int32(clamping: result))
    return events
  }

  /// What is to be sent now; empty for nothing.
  package func output() throws(HTTP2Error) -> [UInt8] {
    var bytes: [UInt8] = []
    while true {
      var place: UnsafePointer<UInt8>? = nil
      let count = unsafe nghttp2_session_mem_send(session, &place)
      try HTTP2Error.check(Int32(clamping: count))
      guard count > 0 else { return bytes }
      // SAFETY: what nghttp2 lends is valid until the next call; it is copied before.
      unsafe bytes.append(contentsOf: UnsafeBufferPointer(start: place, count: count))
    }
  }

  /// Neither side has anything more to say.
  package var isOver: Bool {
    unsafe nghttp2_session_want_read(session) == 0
      && nghttp2_session_want_write(session) == 0
  }
}

@available(*, unavailable) extension ClientSession: Sendable {}

/// nghttp2 refused something: the peer broke the rules, or the connection is at its end.
package struct HTTP2Error: Error, Equatable, CustomStringConvertible {
  package let description: String

  static func check(_ code: Int32) throws(HTTP2Error) {
    guard code < 0 else { return }
    throw HTTP2Error(description: "HTTP/2: " + (unsafe String(cString: nghttp2_strerror(code))))
  }
}

/// Fields laid out the way nghttp2 takes them.
@safe
struct FieldList {
  private var bytes: [UInt8] = []
  private var pairs: [(name: Int, nameCount: Int, value: Int, valueCount: Int)] = []

  init(_ fields: [ClientSession.Field]) {
    for field in fields {
      let (name, value) = (Array(field.name.utf8), Array(field.value.utf8))
      pairs.append((bytes.count, name.count, bytes.count + name.count, value.count))
      bytes += name + value
    }
  }

  /// Lends the pairs for the length of `body`; nghttp2 copies what it keeps.
  func withPairs(_ body: (UnsafeBufferPointer<nghttp2_nv>) -> Int32) -> Int32 {
    var copy = bytes
    return unsafe copy.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else {
        return unsafe body(UnsafeBufferPointer(start: nil, count: 0))
      }
      let list = unsafe pairs.map { pair in
        unsafe nghttp2_nv(
          name: base + pair.name, value: base + pair.value, namelen: pair.nameCount,
          valuelen: pair.valueCount, flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue))
      }
      return unsafe list.withUnsafeBufferPointer(body)
    }
  }
}
