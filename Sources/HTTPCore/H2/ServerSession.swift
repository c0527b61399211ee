internal import CNghttp2

/// What a session holds a client to.
package struct SessionLimits: Sendable {
  package var head: HeadLimits
  /// Requests that one connection may have under way.
  package var streams: Int
  /// The client is a server of the fleet: pipes may be asked for, and nobody is suspected of a flood.
  package var isPeer: Bool

  package init(head: HeadLimits, streams: Int, isPeer: Bool = false) {
    self.head = head
    self.streams = streams
    self.isPeer = isPeer
  }

  /// What a client may send of one stream before we have taken it, and of all of the connection.
  var windows: (stream: Int, connection: Int) {
    isPeer
      ? (FixedLimits.pipeWindowBytes, FixedLimits.pipesWindowBytes)
      : (FixedLimits.streamWindowBytes, FixedLimits.connectionWindowBytes)
  }
}

/// HTTP/2 on one connection as bytes and events, RFC 9113; nghttp2 knows the frames and HPACK.
///
/// Bytes come in through `receive`, a frame at a time, and each time one event comes out. What is to
/// be sent is gathered in `output`, whose storage is lent, so that an idle connection has none.
/// There are no sockets and no clocks: the caller says what time it is.
///
///     open ──▶ announced ──▶ refusing ──▶ over     (GOAWAY with the highest id, then with the last)
///       ├───────────────────────▲          ▲       (an allowance is used up)
///       └──────────┴────────────┴──────────┘       (an error, or a flood that goes on)
///
/// What is sent is in `SessionOutput.swift`.
// SAFETY: this object owns the library's session and deletes it once, in `deinit`; one thread uses
// both. What is submitted is read within the call.
@safe
package final class ServerSession {
  /// What a frame has come to.
  package enum Event: Equatable {
    case nothing
    /// A head is there to be taken; without `ended` a body follows.
    case request(Int32, ended: Bool)
    /// A request that was understood and has to be answered with this.
    case refused(Int32, HTTPError, ended: Bool)
    /// A piece of a body: where it lies in the input that was given.
    case data(Int32, Range<Int>, ended: Bool)
    /// The request is complete.
    case ended(Int32)
  }

  package struct Received {
    /// Bytes of the input that are used up, never beyond a frame's end.
    package var count: Int
    package var event: Event
  }

  /// A stream that is over; `code` is 0 where nothing was wrong with it.
  package struct Closed: Equatable {
    package let stream: Int32
    package let code: UInt32
  }

  let raw: OpaquePointer
  private var scanner = FrameScanner()
  var budget: FrameBudget
  private var fields: RequestFields
  private let isPeer: Bool
  /// What has come of a frame's header.
  private var partialHeader: [UInt8] = []
  private var event = Event.nothing
  private var inputBase: UnsafePointer<UInt8>?
  private var malformed: Int32 = 0
  /// The present DATA frame has brought something.
  private var hasData = true
  private var closed: [Closed] = []
  /// Streams of an extended CONNECT: nothing but DATA may come on them.
  private var connected: [Int32] = []
  var now: Int64 = 0
  /// Resets that the client is not to blame for.
  private var ownResets: [Int32] = []
  /// The highest stream that a head has come for.
  private var lastStream: Int32 = 0
  /// The library knows what the HEADERS that are being read belong to.
  private var isHeadTaken = true
  /// They may be for their stream, though nobody may wait for them any more.
  private var isHeadExpected = true
  private var resetStreams = ResetStreams()
  /// Streams whose head could not be sent.
  var unsent: [Int32] = []
  /// What follows from a reset that went out, for when the library has returned.
  var verdict = FrameBudget.Verdict.fine
  /// How far the end has got.
  var end = SessionEnd()
  /// The library has given up.
  var isBroken = false

  /// What goes out next; it needs storage before anything can be sent.
  package var output = ByteBuffer()
  var responseFields = ResponseFields()
  var source = BodySource()

  package init(_ limits: SessionLimits) throws(HTTP2Error) {
    budget = FrameBudget(headBytesMax: limits.head.headBytes)
    fields = RequestFields(limits.head, takesPipes: limits.isPeer)
    isPeer = limits.isPeer
    unsafe raw = try Self.makeSession(isPeer: limits.isPeer)
    // SAFETY: `deinit` ends the library's session, and nobody else calls it.
    unsafe nghttp2_session_set_user_data(raw, Unmanaged.passUnretained(self).toOpaque())
    submitSettings(limits)
  }

  deinit { unsafe nghttp2_session_del(raw) }

  private static func makeSession(isPeer: Bool) throws(HTTP2Error) -> OpaquePointer {
    var callbacks: OpaquePointer?
    var option: OpaquePointer?
    var session: OpaquePointer?
    try HTTP2Error.check(unsafe nghttp2_session_callbacks_new(&callbacks))
    defer { unsafe nghttp2_session_callbacks_del(callbacks) }
    try HTTP2Error.check(unsafe nghttp2_option_new(&option))
    defer { unsafe nghttp2_option_del(option) }
    unsafe nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, onBeginHeaders)
    unsafe nghttp2_session_callbacks_set_on_header_callback(callbacks, onField)
    unsafe nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, onInvalidField)
    unsafe nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, onFrame)
    unsafe nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, onData)
    unsafe nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, onStreamClose)
    unsafe nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, onFrameSent)
    unsafe nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, onFrameNotSent)
    unsafe nghttp2_session_callbacks_set_send_data_callback(callbacks, onDataTaken)
    unsafe nghttp2_option_set_no_auto_window_update(option, 1)
    unsafe nghttp2_option_set_max_send_header_block_length(option, FixedLimits.sentHeadBytes)
    // Our own budget ends a flood first.
    unsafe nghttp2_option_set_max_outbound_ack(option, 10_000)
    // Our budget counts the resets of clients. Another server takes back what nobody waits for any
    // more, and that may be often.
    unsafe shim_nghttp2_option_lift_reset_limit(option)
    try HTTP2Error.check(
      unsafe nghttp2_session_server_new2(&session, callbacks, nil, option))
    guard let session = unsafe session else {
      throw HTTP2Error(description: "HTTP/2: no session")
    }
    return unsafe session
  }

  private func submitSettings(_ limits: SessionLimits) {
    let settings = [
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue),
        value: UInt32(clamping: limits.streams)),
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue),
        value: UInt32(clamping: limits.windows.stream)),
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue),
        value: UInt32(clamping: limits.head.headBytes)),
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL.rawValue), value: 1),
    ]
    let none = UInt8(NGHTTP2_FLAG_NONE.rawValue)
    unsafe nghttp2_submit_settings(raw, none, settings, settings.count)
    unsafe nghttp2_session_set_local_window_size(
      raw, none, 0, Int32(clamping: limits.windows.connection))
  }

  // MARK: In

  /// Takes bytes up to the end of a frame; `now` is in nanoseconds, of any clock that never goes back.
  ///
  /// Streams may have closed on the way: `nextClosed` has them.
  package func receive(_ input: borrowing Span<UInt8>, now: Int64) -> Received {
    self.now = now
    guard !end.isCondemned, !isBroken else { return Received(count: input.count, event: .nothing) }
    let piece = scanner.next(input)
    if piece.hasHeader, !isPeer {
      let verdict = budget.take(scanner, now: now)
      if !verdict.isFine {
        hold(to: verdict)
        if end.isCondemned { return Received(count: piece.count, event: .nothing) }
      }
    }
    event = .nothing
    if piece.hasHeader { frameBegins() }
    take(input.extracting(0..<piece.count), piece)
    if scanner.isAtEnd { frameEnds() }
    if fields.isExcessive { hold(to: .exceeded(.head)) }
    if malformed != 0 {
      submitReset(malformed, .protocolError)
      malformed = 0
    }
    return Received(count: piece.count, event: end.isCondemned ? .nothing : event)
  }

  private func frameBegins() {
    hasData = scanner.type != .data
    isHeadTaken = true
    guard scanner.type == .headers else { return }
    let stream = scanner.stream
    isHeadTaken = false
    isHeadExpected =
      stream > lastStream || end.lastTaken != nil || isOpen(stream) || resetStreams.mayHave(stream)
    lastStream = max(lastStream, stream)
  }

  /// Counts a frame that has brought nothing.
  ///
  /// HEADERS on a stream that was passed over or is closed end the connection, RFC 9113 §5.1 and
  /// §5.1.1; the library passes over them.
  private func frameEnds() {
    if !hasData, !isPeer { hold(to: budget.emptyFrame(now: now)) }
    hasData = true
    guard !isHeadTaken else { return }
    isHeadTaken = true
    guard isHeadExpected else { return terminate(.protocolError) }
    // One that is refused as a whole was never open, and its trailers may be here before its reset is
    // on its way.
    if !resetStreams.mayHave(scanner.stream) { resetStreams.add(scanner.stream) }
    if !isPeer { hold(to: budget.strayHead(now: now)) }
  }

  /// Whether one of the sides has not ended the stream.
  func isOpen(_ stream: Int32) -> Bool {
    unsafe nghttp2_session_get_stream_remote_close(raw, stream) >= 0
  }

  /// Gives a piece to the library, a frame's header always whole.
  ///
  /// nghttp2 1.52 takes every part of a CONTINUATION's header for another CONTINUATION.
  private func take(_ input: borrowing Span<UInt8>, _ piece: FrameScanner.Piece) {
    var skip = 0
    if piece.headerCount > 0, !piece.hasHeader || !partialHeader.isEmpty {
      skip = piece.headerCount
      partialHeader.append(copying: input.extracting(0..<skip))
      guard piece.hasHeader else { return }
      let header = partialHeader
      partialHeader = []
      give(header.span, from: 0)
    }
    if skip < input.count { give(input, from: skip) }
  }

  private func give(_ input: borrowing Span<UInt8>, from start: Int) {
    guard !end.isCondemned, !isBroken else { return }
    // SAFETY: the span bounds its memory and keeps it alive for the length of the call.
    let result = unsafe input.withUnsafeBufferPointer { bytes in
      unsafe inputBase = bytes.baseAddress
      return unsafe nghttp2_session_mem_recv(
        raw, bytes.baseAddress.map { unsafe $0 + start }, bytes.count - start)
    }
    unsafe inputBase = nil
    if result < 0 { failed(Int32(clamping: result)) }
  }

  /// The head of the request that the last event told of, in exchange for one to be used again.
  package func takeHead(into head: inout RequestHead) { swap(&fields.head, &head) }

  /// A stream that has closed since the last call.
  package func nextClosed() -> Closed? { closed.popLast() }

  /// A head has begun and is not complete.
  package var isWithinHead: Bool { scanner.isWithinHead }

  /// What the library could not go on from, and the client should be told of.
  private func failed(_ code: Int32) {
    switch code {
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC.rawValue: terminate(.protocolError)
    case NGHTTP2_ERR_NOMEM.rawValue: isBroken = true
    // What is left are floods: acknowledgements that nobody reads, heads without an end.
    default: hold(to: .exceeded(.control))
    }
  }

  // MARK: Called back while bytes are read

  func fieldsBegan(isTrailer: Bool) {
    isHeadTaken = true
    fields.begin(isTrailer: isTrailer)
  }

  /// `false` when the session has had enough.
  func fieldArrived(_ name: borrowing Span<UInt8>, _ value: borrowing Span<UInt8>) -> Bool {
    fields.add(name, value)
    return !fields.isExcessive
  }

  func fieldRefused() { fields.refuse() }

  func headersArrived(_ stream: Int32, ended: Bool) {
    fields.finish(ended: ended)
    let isStray = fields.isTrailer && connected.contains(stream)
    if fields.isMalformed || isStray || fields.isTrailer && fields.error != nil {
      malformed = stream
    } else if fields.isTrailer {
      event = .ended(stream)
    } else if let lastTaken = end.lastTaken, stream > lastTaken {
      // It crossed our GOAWAY. Its stream ends when that is out.
    } else if let error = fields.error {
      event = .refused(stream, error, ended: ended)
    } else {
      if fields.head.isExtendedConnect || fields.head.isPipe { connected.append(stream) }
      event = .request(stream, ended: ended)
    }
  }

  func dataArrived(_ stream: Int32, _ data: UnsafePointer<UInt8>, _ count: Int) {
    // SAFETY: the library lends a part of the input that `give` is reading, so both point into one
    // piece of memory.
    guard let base = unsafe inputBase else { return }
    let start = unsafe data - base
    hasData = true
    event = .data(stream, start..<(start + count), ended: false)
  }

  func requestEnded(_ stream: Int32) {
    hasData = true
    if case .data(stream, let range, _) = event {
      event = .data(stream, range, ended: true)
    } else {
      event = .ended(stream)
    }
  }

  func streamClosed(_ stream: Int32, _ code: UInt32) {
    ownResets.removeAll { $0 == stream }
    connected.removeAll { $0 == stream }
    if code == ErrorCode.none.rawValue { budget.answered() }
    closed.append(Closed(stream: stream, code: code))
  }

  // MARK: Resets

  /// Ends a stream for a reason of ours; nothing happens to one that is over.
  package func reset(_ stream: Int32, _ code: ErrorCode) {
    guard isOpen(stream) else { return }
    ownResets.append(stream)
    submitReset(stream, code)
  }

  private func submitReset(_ stream: Int32, _ code: ErrorCode) {
    unsafe nghttp2_submit_rst_stream(
      raw, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream, code.rawValue)
  }

  /// A head of ours cannot go out; the stream is reset when the library has returned.
  func headNotSent(_ stream: Int32) { unsent.append(stream) }

  /// A reset went out; one that the client has provoked costs it as much as its own.
  func resetSent(_ stream: Int32, _ code: UInt32) {
    resetStreams.add(stream)
    guard !isPeer, !ownResets.contains(stream) else { return }
    let result = budget.provokedReset(now: now)
    if result != .fine { verdict = result }
  }
}

@available(*, unavailable) extension ServerSession: Sendable {}
