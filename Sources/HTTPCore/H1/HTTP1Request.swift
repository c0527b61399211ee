/// A request head as it goes to an application that speaks HTTP/1.1, RFC 9112.
///
/// The storage grows to what requests need and is used again. Bodies are read whole before they are
/// sent, so their length is always known and nothing is ever chunked.
package struct HTTP1Request: ~Copyable {
  private var storage: [UInt8] = []

  package init() {}

  /// Storage kept for later heads.
  private static let keptBytes = 16 * 1024

  package var memoryBytes: Int { storage.capacity }

  /// Gives a large storage back.
  package mutating func shrink() {
    if storage.capacity > Self.keptBytes { storage = [] }
  }

  /// The head as it goes out.
  package var bytes: Span<UInt8> {
    @_lifetime(borrow self)
    get { storage.span }
  }

  package var count: Int { storage.count }

  /// Writes the head anew; with `closing` the connection ends with the answer.
  package mutating func encode(
    _ head: borrowing RequestHead, facts: borrowing ForwardedFacts, closing: Bool
  ) {
    storage.removeAll(keepingCapacity: true)
    writeRequestLine(head, facts)
    write("Host", head.span(head.authority))
    writeFields(head)
    writeForwarded(head, facts)
    if let length = facts.bodyLength {
      storage.append("Content-Length: ")
      storage.append(decimal: length)
      storage.append("\r\n")
    }
    if facts.asksForWebSocket {
      storage.append("Connection: Upgrade\r\nUpgrade: websocket\r\n")
      if !facts.webSocketKey.isEmpty { write("Sec-WebSocket-Key", facts.webSocketKey.span) }
    } else if closing {
      storage.append("Connection: close\r\n")
    }
    storage.append("\r\n")
  }

  private mutating func writeRequestLine(
    _ head: borrowing RequestHead, _ facts: borrowing ForwardedFacts
  ) {
    storage.append(copying: head.span(head.methodBytes))
    storage.append(UInt8(ascii: " "))
    if let change = facts.change {
      storage.append(targetOf: head, change)
    } else {
      storage.append(targetOf: head)
    }
    storage.append(" HTTP/1.1\r\n")
  }

  private mutating func writeFields(_ head: borrowing RequestHead) {
    var cookies = 0
    for field in head.fields where head.forwards(field) {
      if field.known == .cookie {
        cookies += 1
        continue
      }
      storage.append(copying: head.span(field.name))
      storage.append(": ")
      storage.append(copying: head.span(field.value))
      storage.append("\r\n")
    }
    if cookies > 0 { writeCookies(head) }
  }

  /// One field, however many lines the client sent: RFC 9113 §8.2.3 lets it split them.
  private mutating func writeCookies(_ head: borrowing RequestHead) {
    var separator: StaticString = "Cookie: "
    for field in head.fields where field.known == .cookie && head.forwards(field) {
      storage.append(separator)
      storage.append(copying: head.span(field.value))
      separator = "; "
    }
    storage.append("\r\n")
  }

  /// Ours, or from a trusted proxy; whatever a client says, it is nobody's proxy.
  private mutating func writeForwarded(
    _ head: borrowing RequestHead, _ facts: borrowing ForwardedFacts
  ) {
    if facts.forwardedFor.isEmpty {
      write("X-Forwarded-For", facts.remoteAddress.span)
    } else {
      write("X-Forwarded-For", facts.forwardedFor.span)
    }
    storage.append("X-Forwarded-Proto: ")
    storage.append(facts.isTLS ? "https\r\n" : "http\r\n")
    if facts.forwardedHost.isEmpty {
      write("X-Forwarded-Host", head.span(head.authority))
    } else {
      write("X-Forwarded-Host", facts.forwardedHost.span)
    }
    if !facts.forwardedPrefix.isEmpty { write("X-Forwarded-Prefix", facts.forwardedPrefix.span) }
    write("X-Request-ID", facts.requestID.span)
    if let certificate = facts.clientCertificate { writeCertificate(certificate) }
    guard !facts.forwardedMethod.isEmpty else { return }
    write("X-Forwarded-Method", facts.forwardedMethod.span)
    write("X-Forwarded-Uri", facts.forwardedURI.span)
  }

  private mutating func writeCertificate(_ facts: ClientCertificateFacts) {
    storage.append("X-Client-Verify: ")
    storage.append(facts.verdict)
    storage.append("\r\n")
    guard facts.isVerified else { return }
    write("X-Client-DN", facts.subject.span)
    write("X-Client-Issuer-DN", facts.issuer.span)
    write("X-Client-Serial", facts.serial.span)
    write("X-Client-Fingerprint", facts.fingerprint.span)
  }

  private mutating func write(_ name: StaticString, _ value: borrowing Span<UInt8>) {
    storage.append(name)
    storage.append(": ")
    storage.append(copying: value)
    storage.append("\r\n")
  }
}
