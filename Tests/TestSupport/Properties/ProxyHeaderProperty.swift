package import HTTPCore

/// What came of reading a PROXY header.
package enum ProxyReading: Equatable {
  case incomplete
  case header(ProxyHeader)
  case refused(ProxyHeaderError)

  package init(_ bytes: borrowing Span<UInt8>) {
    do throws(ProxyHeaderError) {
      self = try ProxyHeader.parse(bytes).map { .header($0) } ?? .incomplete
    } catch {
      self = .refused(error)
    }
  }
}

extension ParserProperties {
  /// A PROXY header means the same however it is cut, and never reaches into what follows it.
  package static func proxyHeader(_ input: [UInt8]) -> String? {
    let whole = ProxyReading(input.span)
    for count in 0...input.count {
      let reading = ProxyReading(input.span.extracting(0..<count))
      guard reading == .incomplete || reading == whole else {
        return "another result after \(count) bytes"
      }
      if case .header(let header) = whole, (count >= header.count) != (reading == whole) {
        return "the end was found after \(count) bytes"
      }
    }
    switch whole {
    case .incomplete: return input.count < ProxyHeader.bytesMax ? nil : "no end within the bound"
    case .refused: return nil
    case .header(let header):
      guard (8...ProxyHeader.bytesMax).contains(header.count) else { return "a strange length" }
      guard let source = header.source else { return nil }
      let text = source.text
      return IPAddress(text.span) == source ? nil : "an address that does not read as written"
    }
  }
}
