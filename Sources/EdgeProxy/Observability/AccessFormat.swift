internal import Configuration
internal import HTTPCore

/// Writes finished exchanges as lines: JSON, Apache's `combined`, or what the operator's text says.
///
/// JSON has one object per line; what an exchange does not have (no TLS, no upstream, no referer)
/// is left out. Times are UTC and durations microseconds.
struct AccessFormat {
  private let format: LogSettings.Format
  private var stamp: AccessStamp
  private var text = AccessText()

  init(_ format: LogSettings.Format) {
    self.format = format
    stamp = AccessStamp(format == .combined ? .apache : .rfc3339)
  }

  /// Appends one line with its line end; without a request line the head is an empty one.
  mutating func append(
    _ record: borrowing AccessRecord, _ head: borrowing RequestHead, to line: inout TextBuffer
  ) {
    switch format {
    case .json: appendJSON(record, head, to: &line)
    case .combined: appendCombined(record, head, to: &line)
    case .text(let pieces): text.append(pieces, record, head, to: &line)
    }
  }

  // MARK: JSON

  private mutating func appendJSON(
    _ record: borrowing AccessRecord, _ head: borrowing RequestHead, to line: inout TextBuffer
  ) {
    line.append("{\"time\":\"")
    stamp.append(record.time, to: &line)
    line.append("\",")
    if record.listener.isEmpty {
      line.append("\"status\":")
      line.append(decimal: record.status)
    } else {
      line.append("\"protocol\":\"TCP\"")
      Self.text(",\"listener\":\"", record.listener.span, to: &line)
    }
    Self.text(",\"id\":\"", record.requestID.span, to: &line)
    Self.text(",\"trace_id\":\"", record.traceID.span, to: &line)
    Self.text(",\"client\":\"", record.client.span, to: &line)
    Self.text(",\"user\":\"", record.user.span, to: &line)
    Self.request(head, to: &line)
    if let version = record.tlsVersion {
      line.append(",\"tls\":\"")
      line.append(version)
      line.append(record.isResumed ? "\",\"resumed\":true" : "\",\"resumed\":false")
      Self.text(",\"sni\":\"", record.serverName.span, to: &line)
    }
    line.append(",\"bytes_in\":")
    line.append(decimal: record.bytesIn)
    line.append(",\"bytes_out\":")
    line.append(decimal: record.bytesOut)
    line.append(",\"total_us\":")
    line.append(decimal: record.totalMicroseconds)
    Self.number(",\"first_byte_us\":", record.firstByteMicroseconds, to: &line)
    Self.number(",\"upstream_us\":", record.upstreamMicroseconds, to: &line)
    Self.text(",\"route\":\"", record.route.span, to: &line)
    Self.text(",\"upstream\":\"", record.upstream.span, to: &line)
    Self.tries(record, to: &line)
    if let cause = record.cause {
      line.append(",\"cause\":\"")
      line.append(cause)
      line.append(UInt8(ascii: "\""))
    }
    line.append("}\n")
  }

  private static func request(_ head: borrowing RequestHead, to line: inout TextBuffer) {
    text(",\"host\":\"", part(head, head.authority), to: &line)
    guard !head.methodBytes.isEmpty else { return }
    text(",\"method\":\"", part(head, head.methodBytes), to: &line)
    text(",\"target\":\"", part(head, head.target), to: &line)
    line.append(",\"protocol\":\"")
    line.append(version(head))
    line.append(UInt8(ascii: "\""))
    if let referer = head.first(.referer) {
      text(",\"referer\":\"", part(head, referer), to: &line)
    }
    if let agent = head.first(.userAgent) {
      text(",\"user_agent\":\"", part(head, agent), to: &line)
    }
  }

  private static func tries(_ record: borrowing AccessRecord, to line: inout TextBuffer) {
    guard record.triesCount > 0 else { return }
    line.append(",\"attempts\":")
    line.append(decimal: record.triesCount)
    line.append(",\"tries\":[")
    for index in record.tries.indices {
      line.append(index == 0 ? "{\"node\":\"" : ",{\"node\":\"")
      let node = record.tries[index].node
      line.append(json: node.span)
      line.append("\",\"outcome\":\"")
      line.append(record.tries[index].outcome)
      line.append("\",\"us\":")
      line.append(decimal: record.tries[index].microseconds)
      line.append(UInt8(ascii: "}"))
    }
    line.append(UInt8(ascii: "]"))
  }

  /// A string under `name`; nothing for an empty one.
  private static func text(
    _ name: StaticString, _ value: borrowing Span<UInt8>, to line: inout TextBuffer
  ) {
    guard !value.isEmpty else { return }
    line.append(name)
    line.append(json: value)
    line.append(UInt8(ascii: "\""))
  }

  private static func number(_ name: StaticString, _ value: Int64?, to line: inout TextBuffer) {
    guard let value else { return }
    line.append(name)
    line.append(decimal: value)
  }

  // MARK: Combined

  /// `%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i"`, as httpd's mod_log_config writes it.
  private mutating func appendCombined(
    _ record: borrowing AccessRecord, _ head: borrowing RequestHead, to line: inout TextBuffer
  ) {
    if record.client.isEmpty {
      line.append(UInt8(ascii: "-"))
    } else {
      line.append(apache: record.client.span)
    }
    line.append(" - ")
    if record.user.isEmpty {
      line.append(UInt8(ascii: "-"))
    } else {
      line.append(apacheWord: record.user.span)
    }
    line.append(" [")
    stamp.append(record.time, to: &line)
    line.append("] \"")
    if !record.listener.isEmpty {
      line.append("TCP ")
      line.append(apache: record.listener.span)
    } else if head.methodBytes.isEmpty {
      line.append(UInt8(ascii: "-"))
    } else {
      line.append(apache: Self.part(head, head.methodBytes))
      line.append(UInt8(ascii: " "))
      line.append(apache: Self.part(head, head.target))
      line.append(UInt8(ascii: " "))
      line.append(Self.version(head))
    }
    line.append("\" ")
    line.append(decimal: record.status)
    line.append(UInt8(ascii: " "))
    if record.bytesOut == 0 {
      line.append(UInt8(ascii: "-"))
    } else {
      line.append(decimal: record.bytesOut)
    }
    Self.quoted(head, head.first(.referer), to: &line)
    Self.quoted(head, head.first(.userAgent), to: &line)
    line.append(UInt8(ascii: "\n"))
  }

  private static func quoted(
    _ head: borrowing RequestHead, _ value: ByteRange?, to line: inout TextBuffer
  ) {
    line.append(" \"")
    if let value {
      line.append(apache: part(head, value))
    } else {
      line.append(UInt8(ascii: "-"))
    }
    line.append(UInt8(ascii: "\""))
  }

  // MARK: Both

  /// A part of the head; nothing where the head was refused before it was kept.
  @_lifetime(borrow head)
  static func part(_ head: borrowing RequestHead, _ part: ByteRange) -> Span<UInt8> {
    head.span(part.range.upperBound <= head.bytes.count ? part : .empty)
  }

  static func version(_ head: borrowing RequestHead) -> StaticString {
    if head.versionMajor == 2 { return "HTTP/2.0" }
    return head.versionMinor == 0 ? "HTTP/1.0" : "HTTP/1.1"
  }
}
