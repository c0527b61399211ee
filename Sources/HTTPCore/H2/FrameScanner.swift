/// The types of frames that a client may send, RFC 9113 §6; all others are `other`.
enum FrameType: UInt8 {
  case data, headers, priority, resetStream, settings, pushPromise, ping, goAway, windowUpdate
  case continuation
  case other = 0xff
}

/// Finds the frames in what a client sends, RFC 9113 §3.4 and §4.1.
///
/// Whether they mean anything is not its business: it tells where one ends, and what kind has begun
/// before anybody has worked on it.
struct FrameScanner {
  static let prefaceBytes = 24
  static let headerBytes = 9

  /// A part of the input that belongs to one frame.
  struct Piece {
    var count = 0
    /// How many of its first bytes belong to the frame's header.
    var headerCount = 0
    /// The header has become complete within it.
    var hasHeader = false
  }

  private var prefaceLeft = prefaceBytes
  private var headerCount = 0
  private var payloadLeft = 0
  private(set) var type = FrameType.other
  /// Payload bytes of the present frame.
  private(set) var length = 0
  private(set) var flags: UInt8 = 0
  /// The stream of the present frame, without the reserved bit.
  private(set) var stream: Int32 = 0

  var endsHeaders: Bool { flags & 0x4 != 0 }

  /// The frame that `next` was last in has ended.
  var isAtEnd: Bool { headerCount == 0 }

  /// A section of fields has begun and is not complete.
  var isWithinHead: Bool {
    guard type == .headers || type == .continuation else { return false }
    return headerCount > 0 || !endsHeaders
  }

  /// Up to the end of the frame, or as much of it as there is.
  mutating func next(_ input: borrowing Span<UInt8>) -> Piece {
    var piece = Piece()
    if prefaceLeft > 0 {
      piece.count = min(prefaceLeft, input.count)
      prefaceLeft -= piece.count
      return piece
    }
    while headerCount < Self.headerBytes, piece.count < input.count {
      take(input[piece.count])
      piece.count += 1
      piece.headerCount += 1
      piece.hasHeader = headerCount == Self.headerBytes
    }
    guard headerCount == Self.headerBytes else { return piece }
    if piece.hasHeader { payloadLeft = length }
    let count = min(payloadLeft, input.count - piece.count)
    payloadLeft -= count
    piece.count += count
    if payloadLeft == 0 { headerCount = 0 }
    return piece
  }

  private mutating func take(_ byte: UInt8) {
    switch headerCount {
    case 0: length = Int(byte)
    case 1, 2: length = length << 8 | Int(byte)
    case 3: type = FrameType(rawValue: byte) ?? .other
    case 4: flags = byte
    case 5: stream = Int32(byte & 0x7f)
    default: stream = stream << 8 | Int32(byte)
    }
    headerCount += 1
  }
}
