internal import CNghttp2

/// A piece of a body that goes out; it is there only while `send` or `end` runs.
@safe
struct BodySource {
  /// 0 for none.
  var stream: Int32 = 0
  var bytes: UnsafePointer<UInt8>?
  var count = 0
  var endsStream = false
  /// The frame that goes out is as long as the client's window, or as a frame may be.
  var fillsWindow = false
}

/// What a session sends.
///
/// Everything is written to `output` at once, as far as it has room; the library keeps only frames
/// without bodies. Bodies stay with whoever has them until the client's windows are open for them.
// SAFETY: the session owns the library's, and one thread uses both.
extension ServerSession {
  /// What one call of the library may write: a frame with its header.
  private static let roomForFrame = FixedLimits.frameBytes + FrameScanner.headerBytes
  /// A body is not cut into pieces smaller than this for want of room.
  private static let pieceBytesMin = 4096

  /// Sends a head that `HeadSerializer` has written; without a body it ends the stream.
  ///
  /// `false` where the stream is not there any more. A head that the library does not send ends the
  /// stream with an internal error.
  package func respond(_ stream: Int32, _ head: borrowing Span<UInt8>, hasBody: Bool) -> Bool {
    // SAFETY: fields and provider are read within the call; the library copies what it keeps.
    let raw = unsafe raw
    var provider = unsafe nghttp2_data_provider(
      source: nghttp2_data_source(), read_callback: onDataWanted)
    let result = unsafe responseFields.withFields(of: head) { fields in
      if hasBody {
        unsafe nghttp2_submit_response(raw, stream, fields.baseAddress, fields.count, &provider)
      } else {
        unsafe nghttp2_submit_response(raw, stream, fields.baseAddress, fields.count, nil)
      }
    }
    return result == 0
  }

  /// Sends an interim (1xx) head.
  package func inform(_ stream: Int32, _ head: borrowing Span<UInt8>) {
    // SAFETY: the fields are read within the call; the library copies what it keeps.
    let raw = unsafe raw
    _ = unsafe responseFields.withFields(of: head) { fields in
      unsafe nghttp2_submit_headers(
        raw, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream, nil, fields.baseAddress, fields.count, nil)
    }
  }

  /// Sends body bytes; returns how many the client's windows and `output` had room for.
  ///
  /// With `endsStream` the last of them ends the answer.
  package func send(
    _ stream: Int32, _ bytes: borrowing Span<UInt8>, endsStream: Bool
  ) -> Int {
    // SAFETY: the source points into the span for the length of this call only.
    unsafe bytes.withUnsafeBufferPointer { bytes in
      source = unsafe BodySource(
        stream: stream, bytes: bytes.baseAddress, count: bytes.count, endsStream: endsStream)
      unsafe nghttp2_session_resume_data(raw, stream)
      pump()
      let taken = bytes.count - source.count
      source = BodySource()
      return taken
    }
  }

  /// Ends an answer whose length was not known; `false` when there was no room for it.
  package func end(_ stream: Int32) -> Bool {
    source = unsafe BodySource(stream: stream, endsStream: true)
    unsafe nghttp2_session_resume_data(raw, stream)
    pump()
    let isSent = source.stream == 0
    source = BodySource()
    return isSent
  }

  /// What a client would take of an answer now, in bytes.
  package func window(of stream: Int32) -> Int {
    let own = unsafe nghttp2_session_get_stream_remote_window_size(raw, stream)
    let shared = unsafe nghttp2_session_get_remote_window_size(raw)
    return max(0, Int(min(own, shared)))
  }

  /// Whether the answer's last byte is out, or the stream is gone.
  package func isAnswered(_ stream: Int32) -> Bool {
    unsafe nghttp2_session_get_stream_local_close(raw, stream) != 0
  }

  /// The client may send as many body bytes more.
  package func consume(_ stream: Int32, _ count: Int) {
    unsafe nghttp2_session_consume(raw, stream, count)
  }

  /// The client may send as many bytes more on that stream, as far as the connection's window goes.
  package func widen(_ stream: Int32, _ count: Int) {
    unsafe nghttp2_session_consume_stream(raw, stream, count)
  }

  /// The client may send as many bytes more, but not of that body.
  package func discard(_ count: Int) { unsafe nghttp2_session_consume_connection(raw, count) }

  /// Frames are waiting for room in `output`.
  package var wantsOutput: Bool { unsafe nghttp2_session_want_write(raw) != 0 }

  /// Writes the frames that wait to `output` until there is none or no room.
  package func pump() {
    while !isBroken, output.freeCount >= Self.roomForFrame {
      var bytes: UnsafePointer<UInt8>?
      let count = unsafe nghttp2_session_mem_send(raw, &bytes)
      resetUnsent()
      if !verdict.isFine {
        hold(to: verdict)
        verdict = .fine
      }
      if count < 0 { isBroken = true }
      guard count > 0 else { return }
      // SAFETY: the library keeps the bytes until its next call.
      output.append(unsafe Span(_unsafeElements: UnsafeBufferPointer(start: bytes, count: count)))
      // A part of a frame would make another of what follows.
      if output.isFull { isBroken = true }
    }
  }

  /// Resets streams whose head could not be sent, unless they are over anyway.
  private func resetUnsent() {
    while let stream = unsent.popLast() { reset(stream, .internalError) }
  }

  // MARK: Called back while frames are written

  /// How much of a body goes into the next frame; `nil` for nothing now.
  func nextPiece(of stream: Int32, most: Int) -> (count: Int, isLast: Bool)? {
    guard source.stream == stream else { return nil }
    // Whatever frame comes next in the same call must have room too.
    let room = output.freeCount - FrameScanner.headerBytes - Self.roomForFrame
    let wanted = min(most, source.count)
    let count = min(wanted, room)
    guard count == wanted || count >= Self.pieceBytesMin else { return nil }
    source.fillsWindow = count == most
    let isLast = source.endsStream && count == source.count
    return count > 0 || isLast ? (count, isLast) : nil
  }

  func sendPiece(_ header: borrowing Span<UInt8>, count: Int) {
    output.append(header)
    if let bytes = unsafe source.bytes {
      // SAFETY: `nextPiece` has promised these bytes, and `send` keeps them.
      output.append(
        unsafe Span(_unsafeElements: UnsafeBufferPointer(start: bytes, count: count)))
      unsafe source.bytes = unsafe bytes + count
    }
    source.count -= count
    if source.count == 0, source.endsStream { source.stream = 0 }
    budget.sent(count, filledWindow: source.fillsWindow)
  }
}
