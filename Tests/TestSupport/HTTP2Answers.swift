/// What a server sends on one connection of HTTP/2, held to the rules of answers, RFC 9113 §8.1.
///
/// A stream has interim heads, one final head, then DATA and one end; a reset may come at any
/// place, and nothing after it.
package final class HTTP2Answers {
  package typealias Fields = [(name: String, value: String)]

  package enum Event {
    /// The final head; with `ended` there is no body.
    case head(UInt32, status: Int, Fields, ended: Bool)
    case data(UInt32, [UInt8], ended: Bool)
    case reset(UInt32, code: UInt32)
    /// No stream above `last` was taken.
    case goAway(last: UInt32, code: UInt32)
  }

  private enum Stage { case asked, answering, ended }

  private var streams: [UInt32: Stage] = [:]
  private let inflater = FieldInflater()
  /// Table sizes that the client has told and the server has not acknowledged.
  private var tableSizes: [Int?] = []
  private var rest: [UInt8] = []
  /// The stream and the bytes of a head that is not complete, and whether it ends its stream.
  private var block: (stream: UInt32, bytes: [UInt8], ended: Bool)?
  /// The first rule that was broken.
  package private(set) var complaint: String?

  package init() {}

  // MARK: From the client

  /// A request begins on a stream.
  package func asked(_ stream: UInt32) { streams[stream] = .asked }

  /// SETTINGS were sent, with the size of the table for header blocks where it is among them.
  package func sentSettings(tableSize: Int?) { tableSizes.append(tableSize) }

  /// Whether the stream has its whole answer or was reset.
  package func isEnded(_ stream: UInt32) -> Bool { streams[stream] == .ended }

  // MARK: From the server

  /// Takes bytes as they come; what they mean is told to `handle`.
  package func receive(_ bytes: [UInt8], _ handle: (Event) -> Void) {
    rest += bytes
    var place = 0
    while complaint == nil, rest.count - place >= 9 {
      let count = Int(rest[place]) << 16 | Int(rest[place + 1]) << 8 | Int(rest[place + 2])
      guard count <= 16_384 else { return complain("a frame of \(count) bytes") }
      guard rest.count - place >= 9 + count else { break }
      let frame = HTTP2Frame(
        type: rest[place + 3], flags: rest[place + 4],
        stream: Int(Self.number(rest[(place + 5)...]) & 0x7fff_ffff),
        payload: Array(rest[(place + 9)..<(place + 9 + count)]))
      place += 9 + count
      take(frame, handle)
    }
    rest.removeFirst(place)
  }

  private func take(_ frame: HTTP2Frame, _ handle: (Event) -> Void) {
    let stream = UInt32(frame.stream)
    if block != nil, frame.type != 9 { return complain("a frame within a head") }
    switch frame.type {
    case 0: takeData(stream, frame, handle)
    case 1:
      block = (stream, frame.payload, frame.flags & 1 != 0)
      if frame.flags & 4 != 0 { takeHead(handle) }
    case 3:
      guard streams[stream] != nil else { return complain("a reset of \(stream), which is idle") }
      streams[stream] = .ended
      handle(.reset(stream, code: frame.code ?? 0))
    case 4 where frame.flags & 1 != 0:
      guard !tableSizes.isEmpty else { return complain("settings that were not sent are taken") }
      if let size = tableSizes.removeFirst() { inflater?.setTable(size) }
    case 7:
      guard frame.payload.count >= 8 else { return complain("a short GOAWAY") }
      let last = Self.number(frame.payload[...]) & 0x7fff_ffff
      handle(.goAway(last: last, code: frame.code ?? 0))
    case 9:
      guard block?.stream == stream else { return complain("a CONTINUATION of nothing") }
      block?.bytes += frame.payload
      if frame.flags & 4 != 0 { takeHead(handle) }
    default: break
    }
  }

  private func takeHead(_ handle: (Event) -> Void) {
    guard let (stream, bytes, ended) = block else { return }
    block = nil
    guard let fields = inflater?.read(bytes) else {
      return complain("a head on \(stream) that cannot be read")
    }
    switch streams[stream] {
    case .none: complain("a head on \(stream), which is idle")
    case .answering: complain("a second head on \(stream): \(fields)")
    case .ended: complain("a head on \(stream) after its end: \(fields)")
    case .asked:
      let status = fields.first { $0.name == ":status" }.flatMap { Int($0.value) } ?? 0
      if (100..<200).contains(status) {
        if ended { complain("an interim head ends \(stream)") }
        return
      }
      guard (200...999).contains(status) else { return complain("a head without a status") }
      streams[stream] = ended ? .ended : .answering
      handle(.head(stream, status: status, fields, ended: ended))
    }
  }

  private func takeData(_ stream: UInt32, _ frame: HTTP2Frame, _ handle: (Event) -> Void) {
    guard frame.flags & 8 == 0 else { return complain("padding, which is never sent") }
    guard streams[stream] == .answering else {
      return complain("DATA on \(stream), which has no head or has ended")
    }
    let ended = frame.flags & 1 != 0
    if ended { streams[stream] = .ended }
    handle(.data(stream, frame.payload, ended: ended))
  }

  private func complain(_ text: String) { if complaint == nil { complaint = text } }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    bytes.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
  }
}
