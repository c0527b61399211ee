internal import CNghttp2

/// The client's side of one HTTP/2 connection, RFC 9113: bytes in, events out, no sockets.
///
/// It is made for servers that we know; every answer is copied into values, but for the bytes of
/// pipes, which stay where they came.
// SAFETY: this object owns the library's session and deletes it once, in `deinit`; one thread uses
// both.
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
    /// The same where windows are opened by `consume`: where the bytes lie in the input that was given.
    case piece(stream: Int32, Range<Int>)
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
    /// The mark of the end has been taken.
    var isEnded = false

    /// Sent bytes are let go when there are so many of them.
    static let sentMax = 64 << 10
  }

  /// What the server may send before it is read, in bytes, and how that comes to be more again.
  package struct Windows: Sendable {
    let stream: Int32
    let connection: Int32
    /// By `consume`, not by the arrival of bytes.
    let openByConsumption: Bool

    /// The largest message of etcd fits.
    package static let messages = Windows(
      stream: 4 << 20, connection: 16 << 20, openByConsumption: false)
    /// Streams whose readers may be slow.
    package static let pipes = Windows(
      stream: Int32(FixedLimits.pipeWindowBytes), connection: Int32(FixedLimits.pipesWindowBytes),
      openByConsumption: true)
  }

  package static let fieldsMax = 100
  package static let headBytesMax = 32 << 10

  private let session: OpaquePointer
  let windows: Windows
  /// Bytes that `output` has given out so far.
  package private(set) var produced = 0
  // Read by the callbacks.
  private(set) var inputBase: UnsafePointer<UInt8>?
  // Written by the callbacks.
  var events: [Event] = []
  var heads: [Int32: [Field]] = [:]
  var outgoing: [Int32: Outgoing] = [:]
  /// What `produced` was when the first byte of a stream's body was taken.
  var firstBytes: [Int32: Int] = [:]

  /// Begins the connection; its first words are in `output`.
  ///
  /// Further requests than `streamsMax` wait, until the server says how many it takes.
  package init(_ windows: Windows = .messages, streamsMax: Int = 100) throws(HTTP2Error) {
    self.windows = windows
    unsafe session = try ClientCallbacks.makeSession(windows, streamsMax: streamsMax)
    // SAFETY: the session is deleted in `deinit`, so it never outlives its owner.
    unsafe nghttp2_session_set_user_data(session, Unmanaged.passUnretained(self).toOpaque())
    var settings = [
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_ENABLE_PUSH.rawValue), value: 0),
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue),
        value: UInt32(windows.stream)),
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue),
        value: UInt32(Self.headBytesMax)),
    ]
    let none = UInt8(NGHTTP2_FLAG_NONE.rawValue)
    try HTTP2Error.check(
      unsafe nghttp2_submit_settings(session, none, &settings, settings.count))
    try HTTP2Error.check(
      unsafe nghttp2_session_set_local_window_size(session, none, 0, windows.connection))
  }

  deinit { unsafe nghttp2_session_del(session) }

  // MARK: Requests

  /// Begins a request whose body is still to come (`send`), and returns its stream.
  ///
  /// Pseudo-header fields come first. Throws when the connection takes no more streams.
  package func request(_ fields: [Field]) throws(HTTP2Error) -> Int32 {
    // SAFETY: pairs and provider are read within the call; nghttp2 copies what it keeps.
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
    send(bytes.span, on: stream, isLast: isLast)
  }

  package func send(_ bytes: borrowing Span<UInt8>, on stream: Int32, isLast: Bool) {
    guard outgoing[stream] != nil else { return }
    outgoing[stream]?.bytes.append(copying: bytes)
    outgoing[stream]?.isLast = isLast
    // A stream that is not waiting says so, which does not matter.
    _ = unsafe nghttp2_session_resume_data(session, stream)
  }

  /// Bytes of a request's body that wait for the server's windows or for `output`.
  package func unsent(on stream: Int32) -> Int {
    outgoing[stream].map { $0.bytes.count - $0.sent } ?? 0
  }

  /// Whether one of the sides has not ended the stream.
  package func isOpen(_ stream: Int32) -> Bool { outgoing[stream] != nil }

  /// Whether our side has not been ended, or its end not been taken by `output`.
  package func isSending(on stream: Int32) -> Bool {
    outgoing[stream].map { !$0.isEnded } ?? false
  }

  /// Whether a byte of the body was among the first `count` bytes of all output.
  ///
  /// Kept for pipes until `forget`.
  package func began(_ stream: Int32, within count: Int) -> Bool {
    firstBytes[stream].map { $0 < count } ?? false
  }

  package func forget(_ stream: Int32) { firstBytes[stream] = nil }

  /// Ends a stream at once, in both directions.
  package func cancel(_ stream: Int32, _ code: ErrorCode = .cancel) {
    outgoing[stream] = nil
    _ = unsafe nghttp2_submit_rst_stream(
      session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream, code.rawValue)
  }

  /// The reader of a stream has taken bytes: the server may send as many more.
  package func consume(_ stream: Int32, _ count: Int) {
    _ = unsafe nghttp2_session_consume(session, stream, count)
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
      unsafe inputBase = buffer.baseAddress
      return unsafe nghttp2_session_mem_recv(session, buffer.baseAddress, buffer.count)
    }
    unsafe inputBase = nil
    defer { events.removeAll() }
    try HTTP2Error.check(Int32(clamping: result))
    return events
  }

  /// What has happened while output was made, such as streams that closed; `receive` has it too.
  package func takeEvents() -> [Event] {
    defer { events.removeAll() }
    return events
  }

  /// The bytes to send now, at most `most` and a frame; empty where there are none.
  package func output(most: Int = .max) throws(HTTP2Error) -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < most {
      var place: UnsafePointer<UInt8>? = nil
      let count = unsafe nghttp2_session_mem_send(session, &place)
      try HTTP2Error.check(Int32(clamping: count))
      guard count > 0 else { return bytes }
      // SAFETY: what nghttp2 lends is valid until the next call; it is copied before.
      unsafe bytes.append(contentsOf: UnsafeBufferPointer(start: place, count: count))
      produced += count
    }
    return bytes
  }

  /// Whether `output` would give something.
  package var wantsOutput: Bool { unsafe nghttp2_session_want_write(session) != 0 }

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
    // SAFETY: the library's messages are constants.
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
    // SAFETY: places and counts lie within the bytes, which are lent until `body` has returned;
    // nghttp2 does not write to them.
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
