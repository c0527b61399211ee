/// How the body behind a head that we write is delimited.
package enum OutputFraming: Equatable, Sendable {
  case none
  case length(UInt64)
  case chunked
  case untilClose
}

/// What our `Connection` field says.
package enum ConnectionToken: Sendable { case none, keepAlive, close }

/// Writes response heads, RFC 9112 §4 and §5.
///
/// Nothing is counted ahead. A head that does not fit is taken back and the function returns `false`;
/// what a caller puts together from `begin`, `field` and `end` is its own piece (`appendWhole`).
package enum HeadSerializer {
  /// An application's head for a client.
  ///
  /// Fields for one hop only are left out, the framing is ours, and the words between an application
  /// and its server (X-Accel-…, X-Sendfile) stay inside: they name paths.
  ///
  /// Where the body is compressed on its way, the fields that describe it are made to fit `coding`.
  package static func write(
    _ head: borrowing ResponseHead, framing: OutputFraming, connection: ConnectionToken,
    date: borrowing Span<UInt8>, coding: BodyCoding = .asSent, into output: inout ByteBuffer
  ) -> Bool {
    let piece = output.beginPiece()
    statusLine(head, into: &output)
    var dated = false
    let isCompressed = coding.isCompressed
    var mustVary = coding != .asSent && !head.variesByEncoding
    for field in head.fields {
      if field.known == .contentLength {
        // Of an answer without a body (HEAD, 304) it still tells the client something.
        guard framing == .none, head.status != 204, head.status >= 200 else { continue }
      } else if field.known.isHopByHop || field.known == .serverInstruction
        || head.nominates(field)
      {
        continue
      }
      if field.known == .date {
        guard !dated else { continue }
        dated = true
      } else if field.known == .vary, mustVary {
        mustVary = false
        write(head.span(field.name), head.span(field.value), ", Accept-Encoding", into: &output)
        continue
      } else if isCompressed, field.known == .acceptRanges {
        // Ranges of the body as it was sent are none of the body as it is now.
        continue
      } else if isCompressed, field.known == .etag {
        weaken(head.span(field.name), head.span(field.value), into: &output)
        continue
      }
      write(head.span(field.name), head.span(field.value), into: &output)
    }
    if !dated { writeDate(date, into: &output) }
    if case .compressed(let coding) = coding {
      output.append("Content-Encoding: ")
      output.append(coding.name)
      output.append("\r\n")
    }
    if mustVary { output.append("Vary: Accept-Encoding\r\n") }
    end(framing, connection, into: &output)
    return output.endPiece(piece)
  }

  /// The agreement to go on in the WebSocket protocol, as the application gave it.
  package static func writeSwitch(
    _ head: borrowing ResponseHead, into output: inout ByteBuffer
  ) -> Bool {
    let piece = output.beginPiece()
    statusLine(head, into: &output)
    output.append("Connection: Upgrade\r\nUpgrade: websocket\r\n")
    writeInterimFields(head, into: &output)
    output.append("\r\n")
    return output.endPiece(piece)
  }

  /// The same agreement for a stream of HTTP/2, RFC 8441 §5: success, without the words of an upgrade.
  package static func writeConnected(
    _ head: borrowing ResponseHead, date: borrowing Span<UInt8>, into output: inout ByteBuffer
  ) -> Bool {
    let piece = output.beginPiece()
    output.append("HTTP/1.1 200 OK\r\n")
    writeInterimFields(head, sparing: .secWebSocketAccept, into: &output)
    if !head.fields.contains(where: { $0.known == .date }) { writeDate(date, into: &output) }
    output.append("\r\n")
    return output.endPiece(piece)
  }

  /// An interim (1xx) head as the application sent it.
  package static func writeInterim(
    _ head: borrowing ResponseHead, into output: inout ByteBuffer
  ) -> Bool {
    let piece = output.beginPiece()
    statusLine(head, into: &output)
    writeInterimFields(head, into: &output)
    output.append("\r\n")
    return output.endPiece(piece)
  }

  private static func writeInterimFields(
    _ head: borrowing ResponseHead, sparing spared: FieldName? = nil,
    into output: inout ByteBuffer
  ) {
    for field in head.fields
    where field.known != spared && !field.known.isHopByHop && field.known != .contentLength
      && field.known != .serverInstruction && !head.nominates(field)
    {
      write(head.span(field.name), head.span(field.value), into: &output)
    }
  }

  /// The head of an answer of our own, up to the fields that the caller adds before `end`.
  package static func begin(
    status: Int, reason: StaticString, date: borrowing Span<UInt8>, into output: inout ByteBuffer
  ) -> Bool {
    output.append("HTTP/1.1 ")
    output.append(decimal: UInt64(clamping: status))
    output.append(" ")
    output.append(reason)
    output.append("\r\n")
    writeDate(date, into: &output)
    return !output.isFull
  }

  /// One field line; name and value must be clean.
  package static func field(
    _ name: StaticString, _ value: borrowing Span<UInt8>, into output: inout ByteBuffer
  ) -> Bool {
    output.append(name)
    output.append(": ")
    output.append(value)
    output.append("\r\n")
    return !output.isFull
  }

  /// Framing, connection, and the empty line.
  package static func end(
    _ framing: OutputFraming, _ connection: ConnectionToken, into output: inout ByteBuffer
  ) {
    switch framing {
    case .none, .untilClose: break
    case .length(let count):
      output.append("Content-Length: ")
      output.append(decimal: count)
      output.append("\r\n")
    case .chunked: output.append("Transfer-Encoding: chunked\r\n")
    }
    switch connection {
    case .none: break
    case .keepAlive: output.append("Connection: keep-alive\r\n")
    case .close: output.append("Connection: close\r\n")
    }
    output.append("\r\n")
  }

  private static func statusLine(_ head: borrowing ResponseHead, into output: inout ByteBuffer) {
    output.append("HTTP/1.1 ")
    output.append(decimal: UInt64(clamping: head.status))
    output.append(" ")
    output.append(head.span(head.reason))
    output.append("\r\n")
  }

  private static func write(
    _ name: borrowing Span<UInt8>, _ value: borrowing Span<UInt8>, _ more: StaticString = "",
    into output: inout ByteBuffer
  ) {
    output.append(name)
    output.append(": ")
    output.append(value)
    output.append(more)
    output.append("\r\n")
  }

  /// The validator of other bytes that mean the same, RFC 9110 §8.8.1.
  private static func weaken(
    _ name: borrowing Span<UInt8>, _ value: borrowing Span<UInt8>, into output: inout ByteBuffer
  ) {
    output.append(name)
    output.append(": ")
    if !value.isEmpty, value[0] == UInt8(ascii: "\"") { output.append("W/") }
    output.append(value)
    output.append("\r\n")
  }

  private static func writeDate(_ date: borrowing Span<UInt8>, into output: inout ByteBuffer) {
    output.append("Date: ")
    output.append(date)
    output.append("\r\n")
  }
}
