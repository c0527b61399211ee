internal import CNghttp2

/// Every function that nghttp2 calls for a `ClientSession`.
///
/// They find the session through the user pointer, record what happened and return; none throws,
/// blocks or calls into nghttp2.
enum ClientCallbacks {
  /// A new session whose callbacks are those below.
  // SAFETY: callbacks and options are ours until they are freed, and the library copies both; the
  // session is the caller's.
  static func makeSession(
    _ windows: ClientSession.Windows, streamsMax: Int
  ) throws(HTTP2Error) -> OpaquePointer {
    var callbacks: OpaquePointer?
    try HTTP2Error.check(unsafe nghttp2_session_callbacks_new(&callbacks))
    defer { unsafe nghttp2_session_callbacks_del(callbacks) }
    unsafe nghttp2_session_callbacks_set_on_header_callback(callbacks, fieldArrived)
    unsafe nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frameArrived)
    unsafe nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, dataArrived)
    unsafe nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, streamClosed)
    var option: OpaquePointer?
    try HTTP2Error.check(unsafe nghttp2_option_new(&option))
    defer { unsafe nghttp2_option_del(option) }
    unsafe nghttp2_option_set_peer_max_concurrent_streams(option, UInt32(clamping: streamsMax))
    if windows.openByConsumption { unsafe nghttp2_option_set_no_auto_window_update(option, 1) }
    var session: OpaquePointer?
    try HTTP2Error.check(unsafe nghttp2_session_client_new2(&session, callbacks, nil, option))
    guard let session = unsafe session else {
      throw HTTP2Error(description: "HTTP/2: no session")
    }
    return unsafe session
  }

  private static func owner(_ data: UnsafeMutableRawPointer?) -> ClientSession? {
    guard let data = unsafe data else { return nil }
    // SAFETY: the owner deletes the session before it goes.
    return unsafe Unmanaged<ClientSession>.fromOpaque(data).takeUnretainedValue()
  }

  private static let fieldArrived: nghttp2_on_header_callback = {
    _, frame, name, nameCount, value, valueCount, _, data in
    guard let session = unsafe owner(data), let frame = unsafe frame else { return 0 }
    let stream = unsafe frame.pointee.hd.stream_id
    // SAFETY: nghttp2 lends both texts for the length of the call.
    let field = unsafe ClientSession.Field(
      String(decoding: UnsafeBufferPointer(start: name, count: nameCount), as: UTF8.self),
      String(decoding: UnsafeBufferPointer(start: value, count: valueCount), as: UTF8.self))
    session.heads[stream, default: []].append(field)
    let head = session.heads[stream] ?? []
    let bytes = head.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count }
    guard head.count <= ClientSession.fieldsMax, bytes <= ClientSession.headBytesMax else {
      session.heads[stream] = nil
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
    }
    return 0
  }

  // SAFETY: nghttp2 lends the frame for the length of the call; its type says which part of the
  // union is there, and the reason of a GOAWAY is copied.
  private static let frameArrived: nghttp2_on_frame_recv_callback = { _, frame, data in
    guard let session = unsafe owner(data), let frame = unsafe frame else { return 0 }
    let header = unsafe frame.pointee.hd
    switch nghttp2_frame_type(UInt32(header.type)) {
    case NGHTTP2_HEADERS:
      let fields = session.heads.removeValue(forKey: header.stream_id) ?? []
      session.events.append(.fields(stream: header.stream_id, fields))
    case NGHTTP2_PING:
      if header.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0 { session.events.append(.pong) }
      return 0
    case NGHTTP2_GOAWAY:
      let goAway = unsafe frame.pointee.goaway
      let reason = unsafe UnsafeBufferPointer(
        start: goAway.opaque_data, count: min(goAway.opaque_data_len, 256))
      unsafe session.events.append(
        .goingAway(
          lastStream: goAway.last_stream_id, code: goAway.error_code,
          reason: String(decoding: reason, as: UTF8.self)))
      return 0
    case NGHTTP2_DATA: break
    default: return 0
    }
    if header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0 {
      session.events.append(.ended(stream: header.stream_id))
    }
    return 0
  }

  private static let dataArrived: nghttp2_on_data_chunk_recv_callback = {
    _, _, stream, bytes, count, data in
    guard let session = unsafe owner(data) else { return 0 }
    if session.windows.openByConsumption {
      guard let base = unsafe session.inputBase, let bytes = unsafe bytes else { return 0 }
      let start = unsafe bytes - base
      session.events.append(.piece(stream: stream, start..<(start + count)))
      return 0
    }
    // SAFETY: nghttp2 lends the bytes for the length of the call.
    let chunk = unsafe Array(UnsafeBufferPointer(start: bytes, count: count))
    session.events.append(.data(stream: stream, chunk))
    return 0
  }

  // SAFETY: the owner deletes the session before it goes.
  private static let streamClosed: nghttp2_on_stream_close_callback = { _, stream, code, data in
    guard let session = unsafe owner(data) else { return 0 }
    session.outgoing[stream] = nil
    session.heads[stream] = nil
    session.events.append(.closed(stream: stream, code: code))
    return 0
  }

  /// nghttp2 asks for the next piece of a request's body.
  static let bodyWanted: nghttp2_data_source_read_callback = {
    _, stream, space, spaceCount, flags, _, data in
    guard let session = unsafe owner(data), var waiting = session.outgoing[stream] else {
      return Int(NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue)
    }
    // Only this function may have the bytes meanwhile, or letting go of some would copy the rest.
    session.outgoing[stream] = nil
    defer { session.outgoing[stream] = waiting }
    let count = min(spaceCount, waiting.bytes.count - waiting.sent)
    guard count > 0 || waiting.isLast else { return Int(NGHTTP2_ERR_DEFERRED.rawValue) }
    // SAFETY: `count` bytes fit both the array and the space that nghttp2 lends.
    unsafe waiting.bytes.withUnsafeBufferPointer { bytes in
      guard count > 0, let base = bytes.baseAddress else { return }
      unsafe space?.update(from: base + waiting.sent, count: count)
    }
    if count > 0, session.windows.openByConsumption, session.firstBytes[stream] == nil {
      session.firstBytes[stream] = session.produced
    }
    waiting.sent += count
    if waiting.sent == waiting.bytes.count {
      waiting.bytes = []
      waiting.sent = 0
      if waiting.isLast {
        waiting.isEnded = true
        unsafe flags?.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
      }
    } else if waiting.sent >= ClientSession.Outgoing.sentMax {
      waiting.bytes.removeFirst(waiting.sent)
      waiting.sent = 0
    }
    return count
  }
}
