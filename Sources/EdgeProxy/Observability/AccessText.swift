internal import Configuration
internal import HTTPCore

/// Writes finished exchanges as the operator's text says (`log.format`).
///
/// What strangers send can neither end a line nor a quotation: it is escaped as Apache does. Outside of
/// quotation marks a space of theirs is escaped too, so that nobody moves the columns. What there is
/// not is `-`.
struct AccessText {
  private var time = AccessStamp(.rfc3339)
  private var apacheTime = AccessStamp(.apache)

  /// Appends one line with its line end.
  mutating func append(
    _ pieces: [LogPiece], _ record: borrowing AccessRecord, _ head: borrowing RequestHead,
    to line: inout TextBuffer
  ) {
    for piece in pieces {
      switch piece {
      case .text(let text): line.append(text.span)
      case .header(let name, let isQuoted):
        Self.part(head.value(ofField: name.span), head, isQuoted, to: &line)
      case .field(let field, let isQuoted):
        append(field, isQuoted, record, head, to: &line)
      }
    }
    line.append(UInt8(ascii: "\n"))
  }

  private mutating func append(
    _ field: LogField, _ isQuoted: Bool, _ record: borrowing AccessRecord,
    _ head: borrowing RequestHead, to line: inout TextBuffer
  ) {
    switch field {
    case .time: time.append(record.time, to: &line)
    case .timeApache: apacheTime.append(record.time, to: &line)
    case .timeEpoch: Self.seconds(record.time, to: &line)
    case .duration: Self.seconds(record.totalMicroseconds, to: &line)
    case .status: line.append(decimal: record.status)
    case .bytesIn: line.append(decimal: record.bytesIn)
    case .bytesOut: line.append(decimal: record.bytesOut)
    case .total: line.append(decimal: record.totalMicroseconds)
    case .firstByte: Self.number(record.firstByteMicroseconds, to: &line)
    case .upstreamTime: Self.number(record.upstreamMicroseconds, to: &line)
    case .attempts: line.append(decimal: record.triesCount)
    case .method, .target, .path, .query, .protocolName, .request, .host, .referer, .userAgent:
      Self.append(field, isQuoted, ofHead: head, record, to: &line)
    default: Self.append(field, isQuoted, ofRecord: record, to: &line)
    }
  }

  private static func append(
    _ field: LogField, _ isQuoted: Bool, ofRecord record: borrowing AccessRecord,
    to line: inout TextBuffer
  ) {
    switch field {
    case .id: text(record.requestID.span, isQuoted, to: &line)
    case .traceID: text(record.traceID.span, isQuoted, to: &line)
    case .client: text(record.client.span, isQuoted, to: &line)
    case .user: text(record.user.span, isQuoted, to: &line)
    case .listener: text(record.listener.span, isQuoted, to: &line)
    case .sni: text(record.serverName.span, isQuoted, to: &line)
    case .route: text(record.route.span, isQuoted, to: &line)
    case .upstream: text(record.upstream.span, isQuoted, to: &line)
    case .node:
      let node = record.tries.last?.node ?? []
      text(node.span, isQuoted, to: &line)
    case .tls: line.append(record.tlsVersion ?? "-")
    case .resumed: line.append(record.tlsVersion == nil ? "-" : record.isResumed ? "true" : "false")
    case .cause: line.append(record.cause ?? "-")
    case .tries: tries(record, to: &line)
    default: break
    }
  }

  private static func append(
    _ field: LogField, _ isQuoted: Bool, ofHead head: borrowing RequestHead,
    _ record: borrowing AccessRecord, to line: inout TextBuffer
  ) {
    let hasLine = !head.methodBytes.isEmpty
    switch field {
    case .method: part(hasLine ? head.methodBytes : nil, head, isQuoted, to: &line)
    case .target: part(hasLine ? head.target : nil, head, isQuoted, to: &line)
    case .path: part(hasLine ? head.path : nil, head, isQuoted, to: &line)
    case .query: part(head.query, head, isQuoted, to: &line)
    case .host: part(head.authority.isEmpty ? nil : head.authority, head, isQuoted, to: &line)
    case .referer: part(head.first(.referer), head, isQuoted, to: &line)
    case .userAgent: part(head.first(.userAgent), head, isQuoted, to: &line)
    case .request where hasLine:
      line.append(apache: AccessFormat.part(head, head.methodBytes))
      line.append(UInt8(ascii: " "))
      line.append(apache: AccessFormat.part(head, head.target))
      line.append(UInt8(ascii: " "))
      line.append(AccessFormat.version(head))
    case .protocolName where hasLine: line.append(AccessFormat.version(head))
    default: line.append(record.listener.isEmpty ? "-" : "TCP")
    }
  }

  // MARK: Values

  private static func part(
    _ part: ByteRange?, _ head: borrowing RequestHead, _ isQuoted: Bool,
    to line: inout TextBuffer
  ) {
    guard let part else { return line.append(UInt8(ascii: "-")) }
    let value = AccessFormat.part(head, part)
    // What is there and empty stays empty where the quotation marks show that it is there.
    if value.isEmpty, isQuoted { return }
    text(value, isQuoted, to: &line)
  }

  private static func text(
    _ value: borrowing Span<UInt8>, _ isQuoted: Bool, to line: inout TextBuffer
  ) {
    if value.isEmpty {
      line.append(UInt8(ascii: "-"))
    } else if isQuoted {
      line.append(apache: value)
    } else {
      line.append(apacheWord: value)
    }
  }

  private static func number(_ value: Int64?, to line: inout TextBuffer) {
    guard let value else { return line.append(UInt8(ascii: "-")) }
    line.append(decimal: value)
  }

  /// Microseconds as seconds.
  private static func seconds(_ microseconds: Int64, to line: inout TextBuffer) {
    line.append(decimal: max(0, microseconds) / 1_000_000)
    line.append(UInt8(ascii: "."))
    line.append(Int(max(0, microseconds) % 1_000_000), digits: 6)
  }

  /// `NODE=OUTCOME/MICROSECONDS`, with commas between.
  private static func tries(_ record: borrowing AccessRecord, to line: inout TextBuffer) {
    if record.tries.isEmpty { line.append(UInt8(ascii: "-")) }
    for index in record.tries.indices {
      if index > 0 { line.append(UInt8(ascii: ",")) }
      let node = record.tries[index].node
      line.append(apacheWord: node.span)
      line.append(UInt8(ascii: "="))
      line.append(record.tries[index].outcome)
      line.append(UInt8(ascii: "/"))
      line.append(decimal: record.tries[index].microseconds)
    }
  }
}
