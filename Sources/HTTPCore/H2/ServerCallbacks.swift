internal import CNghttp2

// Every function that nghttp2 calls. They find the session through the user pointer, tell it one
// thing, and return; they never throw, block or call back into the library.

/// The session that a user pointer names.
private func owner(_ pointer: UnsafeMutableRawPointer?) -> ServerSession? {
  guard let pointer = unsafe pointer else { return nil }
  // SAFETY: the session owns the library's and ends it before it goes.
  return unsafe Unmanaged<ServerSession>.fromOpaque(pointer).takeUnretainedValue()
}

private let carryOn: Int32 = 0

/// A section of fields begins.
let onBeginHeaders:
  @convention(c) (
    OpaquePointer?, UnsafePointer<nghttp2_frame>?, UnsafeMutableRawPointer?
  ) -> Int32 = { _, frame, user in
    // SAFETY: the library keeps the frame for the length of this call; its type says which part of
    // the union is there.
    guard let frame = unsafe frame, let session = unsafe owner(user) else { return carryOn }
    let isRequest = unsafe frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST
    session.fieldsBegan(isTrailer: !isRequest)
    return carryOn
  }

/// A field has been decoded.
let onField:
  @convention(c) (
    OpaquePointer?, UnsafePointer<nghttp2_frame>?, UnsafePointer<UInt8>?, Int,
    UnsafePointer<UInt8>?, Int, UInt8, UnsafeMutableRawPointer?
  ) -> Int32 = { _, _, name, nameCount, value, valueCount, _, user in
    guard let session = unsafe owner(user) else { return carryOn }
    // SAFETY: the library keeps both for the length of this call.
    let name = unsafe Span(_unsafeElements: UnsafeBufferPointer(start: name, count: nameCount))
    let value = unsafe Span(_unsafeElements: UnsafeBufferPointer(start: value, count: valueCount))
    // A pause leaves the rest undecoded: the session has had enough.
    return session.fieldArrived(name, value) ? carryOn : NGHTTP2_ERR_PAUSE.rawValue
  }

/// A field with octets that none may have: the library resets the stream.
let onInvalidField:
  @convention(c) (
    OpaquePointer?, UnsafePointer<nghttp2_frame>?, UnsafePointer<UInt8>?, Int,
    UnsafePointer<UInt8>?, Int, UInt8, UnsafeMutableRawPointer?
  ) -> Int32 = { _, _, _, _, _, _, _, user in
    // SAFETY: the session owns the library's and ends it before it goes.
    unsafe owner(user)?.fieldRefused()
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue
  }

/// A frame is complete and valid; for DATA and HEADERS this may be the request's end.
let onFrame:
  @convention(c) (
    OpaquePointer?, UnsafePointer<nghttp2_frame>?, UnsafeMutableRawPointer?
  ) -> Int32 = { _, frame, user in
    // SAFETY: the library keeps the frame for the length of this call; its type says which part of
    // the union is there.
    guard let frame = unsafe frame, let session = unsafe owner(user) else { return carryOn }
    let header = unsafe frame.pointee.hd
    let ends = header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
    switch UInt32(header.type) {
    case NGHTTP2_HEADERS.rawValue: session.headersArrived(header.stream_id, ended: ends)
    case NGHTTP2_DATA.rawValue where ends: session.requestEnded(header.stream_id)
    default: break
    }
    return carryOn
  }

/// A piece of a request body, which lies in the input that is being read.
let onData:
  @convention(c) (
    OpaquePointer?, UInt8, Int32, UnsafePointer<UInt8>?, Int, UnsafeMutableRawPointer?
  ) -> Int32 = { _, _, stream, data, count, user in
    // SAFETY: the bytes lie in the input that `give` lends to the library for this call.
    guard let data = unsafe data else { return carryOn }
    unsafe owner(user)?.dataArrived(stream, data, count)
    return carryOn
  }

/// A stream is over, for whatever reason.
let onStreamClose:
  @convention(c) (OpaquePointer?, Int32, UInt32, UnsafeMutableRawPointer?) -> Int32 = {
    _, stream, code, user in
    // SAFETY: the session owns the library's and ends it before it goes.
    unsafe owner(user)?.streamClosed(stream, code)
    return carryOn
  }

/// A frame of ours is on its way.
let onFrameSent:
  @convention(c) (
    OpaquePointer?, UnsafePointer<nghttp2_frame>?, UnsafeMutableRawPointer?
  ) -> Int32 = { _, frame, user in
    // SAFETY: the library keeps the frame for the length of this call; its type says which part of
    // the union is there.
    guard let frame = unsafe frame, let session = unsafe owner(user) else { return carryOn }
    switch unsafe UInt32(frame.pointee.hd.type) {
    case NGHTTP2_RST_STREAM.rawValue:
      let (stream, code) = unsafe (frame.pointee.hd.stream_id, frame.pointee.rst_stream.error_code)
      session.resetSent(stream, code)
    case NGHTTP2_GOAWAY.rawValue: session.goodbyeSent(unsafe frame.pointee.goaway.error_code)
    default: break
    }
    return carryOn
  }

/// A frame of ours cannot go out: of a head the client would never hear another word.
let onFrameNotSent:
  @convention(c) (
    OpaquePointer?, UnsafePointer<nghttp2_frame>?, Int32, UnsafeMutableRawPointer?
  ) -> Int32 = { _, frame, _, user in
    // SAFETY: the library keeps the frame for the length of this call; its type says which part of
    // the union is there.
    guard let frame = unsafe frame, let session = unsafe owner(user) else { return carryOn }
    if unsafe UInt32(frame.pointee.hd.type) == NGHTTP2_HEADERS.rawValue {
      session.headNotSent(unsafe frame.pointee.hd.stream_id)
    }
    return carryOn
  }

/// How much of a body goes into the next DATA frame.
let onDataWanted:
  @convention(c) (
    OpaquePointer?, Int32, UnsafeMutablePointer<UInt8>?, Int, UnsafeMutablePointer<UInt32>?,
    UnsafeMutablePointer<nghttp2_data_source>?, UnsafeMutableRawPointer?
  ) -> Int = { _, stream, _, most, flags, _, user in
    // SAFETY: the library lends the flags for the length of this call.
    guard let session = unsafe owner(user), let piece = session.nextPiece(of: stream, most: most)
    else { return Int(NGHTTP2_ERR_DEFERRED.rawValue) }
    var mark = NGHTTP2_DATA_FLAG_NO_COPY.rawValue
    if piece.isLast { mark |= NGHTTP2_DATA_FLAG_EOF.rawValue }
    unsafe flags?.pointee |= mark
    return piece.count
  }

/// Copies a DATA frame to where it goes out from.
let onDataTaken:
  @convention(c) (
    OpaquePointer?, UnsafeMutablePointer<nghttp2_frame>?, UnsafePointer<UInt8>?, Int,
    UnsafeMutablePointer<nghttp2_data_source>?, UnsafeMutableRawPointer?
  ) -> Int32 = { _, _, header, count, _, user in
    // SAFETY: the library passes the nine bytes of the frame's header.
    let bytes = unsafe UnsafeBufferPointer(start: header, count: FrameScanner.headerBytes)
    unsafe owner(user)?.sendPiece(Span(_unsafeElements: bytes), count: count)
    return carryOn
  }
