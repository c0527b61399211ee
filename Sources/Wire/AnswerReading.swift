internal import HTTPCore

/// One answer, read as its bytes come: the same wherever they are cut.
///
///     head ──▶ length | chunks | untilClose ──▶ whole        (an interim answer leads back to the head)
struct AnswerReading: ~Copyable {
  private enum Phase { case head, length(Int), chunks, untilClose }

  private let isHead: Bool
  private let bodyMax: Int
  private var phase = Phase.head
  private var parser = ResponseParser()
  private var head = ResponseHead()
  private var decoder = ChunkedDecoder()
  /// What has come of a head that is not whole yet.
  private var pending: [UInt8] = []
  private var interimAnswers = 0
  private var fields: [(name: String, value: String)] = []
  private var body: [UInt8] = []

  /// Answers with a status of 1xx that may come before the real one, RFC 9110 §15.2.
  static let interimMax = 16

  /// The answer to a request with `method`, with up to `bodyMax` bytes of body.
  init(to method: HTTPRequest.Method, bodyMax: Int) {
    isHead = method == .head
    self.bodyMax = bodyMax
  }

  /// The answer once it is whole, `nil` for more bytes.
  ///
  /// What follows it is not looked at.
  mutating func take(_ bytes: borrowing Span<UInt8>) throws(HTTPCallError) -> HTTPResponse? {
    guard case .head = phase else { return try takeBody(bytes) }
    pending.append(copying: bytes)
    while case .head = phase {
      guard let count = try parseHead() else { return nil }
      pending.removeFirst(count)
      try endHead()
    }
    let rest = pending
    pending = []
    return try takeBody(rest.span)
  }

  /// The answer that ends with its connection.
  ///
  /// Without `isInOrder` nobody knows whether it was cut off.
  mutating func end(isInOrder: Bool, _ reason: String) throws(HTTPCallError) -> HTTPResponse {
    guard isInOrder, case .untilClose = phase else {
      throw .connection("\(reason) before the answer was whole")
    }
    return whole()
  }

  // MARK: Head

  private mutating func parseHead() throws(HTTPCallError) -> Int? {
    let bytes = pending
    do throws(HTTPError) {
      return try parser.parse(bytes.span, into: &head, limits: HeadLimits())
    } catch {
      throw Self.refusal(error)
    }
  }

  private mutating func endHead() throws(HTTPCallError) {
    guard head.status >= 200 else { return try skipInterim() }
    fields = head.fields.map { field in
      (Self.text(head.span(field.name)), Self.text(head.span(field.value)))
    }
    switch head.bodyFraming(for: isHead ? .head : .get) {
    case .none: phase = .length(0)
    case .length(let count):
      guard let count = Int(exactly: count), count <= bodyMax else { throw .tooLarge }
      phase = .length(count)
    case .chunked: phase = .chunks
    case .perhapsChunked, .untilClose: phase = .untilClose
    }
  }

  private mutating func skipInterim() throws(HTTPCallError) {
    // Nobody has asked for another protocol.
    guard head.status != 101 else { throw .malformed("switching-protocols") }
    interimAnswers += 1
    guard interimAnswers <= Self.interimMax else { throw .malformed("too-many-interim-answers") }
    parser.reset()
    head.reset()
  }

  private static func text(_ bytes: borrowing Span<UInt8>) -> String {
    var copy: [UInt8] = []
    copy.append(copying: bytes)
    return String(decoding: copy, as: UTF8.self)
  }

  // MARK: Body

  private mutating func takeBody(
    _ bytes: borrowing Span<UInt8>
  ) throws(HTTPCallError) -> HTTPResponse? {
    switch phase {
    case .head: return nil
    case .length(let left):
      let count = min(left, bytes.count)
      body.append(copying: bytes.extracting(0..<count))
      phase = .length(left - count)
      return count == left ? whole() : nil
    case .untilClose:
      try append(bytes)
      return nil
    case .chunks: return try takeChunks(bytes) ? whole() : nil
    }
  }

  /// Whether the last chunk is there.
  private mutating func takeChunks(_ bytes: borrowing Span<UInt8>) throws(HTTPCallError) -> Bool {
    var position = 0
    while position < bytes.count {
      switch try step(bytes.extracting(position..<bytes.count)) {
      case .more: return false
      case .data(let skip, let count):
        let start = position + skip
        try append(bytes.extracting(start..<(start + count)))
        position = start + count
      case .end: return true
      }
    }
    return false
  }

  private mutating func step(
    _ bytes: borrowing Span<UInt8>
  ) throws(HTTPCallError) -> ChunkedDecoder.Step {
    do throws(HTTPError) {
      return try decoder.next(bytes)
    } catch {
      throw Self.refusal(error)
    }
  }

  private mutating func append(_ bytes: borrowing Span<UInt8>) throws(HTTPCallError) {
    guard bytes.count <= bodyMax - body.count else { throw .tooLarge }
    body.append(copying: bytes)
  }

  private mutating func whole() -> HTTPResponse {
    HTTPResponse(status: head.status, fields: fields, body: body)
  }

  private static func refusal(_ error: HTTPError) -> HTTPCallError {
    if case .responseHeadTooLarge = error { return .tooLarge }
    return .malformed("\(error.reason)")
  }
}
