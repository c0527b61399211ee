/// What a trusted proxy says of the client behind it, in the X-Forwarded fields; buffers are used
/// again.
///
/// Nothing in it was said by the client as long as each proxy that is trusted appends what it saw:
/// addresses are read from the last one backwards, up to the first that is not trusted.
package struct ForwardedChain: ~Copyable {
  /// The client; `nil` where no usable address was given.
  package private(set) var client: IPAddress?
  /// The scheme that the client used; `nil` where nothing usable was said.
  package private(set) var isTLS: Bool?
  /// The host that the client named; empty where nothing was said.
  package private(set) var host: [UInt8] = []
  /// What the proxy has taken off the path; empty where nothing usable was said.
  package private(set) var prefix: [UInt8] = []
  /// The name of the request; empty where there is none that is fit to be kept.
  package private(set) var requestID: [UInt8] = []
  /// X-Forwarded-For as it came, its lines joined and without empty elements (RFC 9110 §5.6.1).
  package private(set) var addresses: [UInt8] = []

  /// Trusted proxies between us and a client at most; the last address seen counts then.
  private static let hopsMax = 32
  private static let requestIDBytesMax = 128
  private static let prefixBytesMax = 1024

  package init() {}

  /// Reads what a trusted peer said.
  package mutating func read(_ head: borrowing RequestHead, trusted: [Network]) {
    for field in head.fields {
      let value = head.span(field.value)
      switch field.known {
      case .xForwarded: read(head.span(field.name), value)
      case .xRequestID where requestID.isEmpty && Self.isIdentifier(value):
        requestID.append(copying: value)
      default: break
      }
    }
    findClient(trusted)
  }

  /// Says the same as another one.
  package mutating func become(_ other: borrowing ForwardedChain) {
    client = other.client
    isTLS = other.isTLS
    host = other.host
    requestID = other.requestID
    addresses = other.addresses
  }

  package mutating func reset() {
    client = nil
    isTLS = nil
    host.removeAll(keepingCapacity: true)
    prefix.removeAll(keepingCapacity: true)
    requestID.removeAll(keepingCapacity: true)
    addresses.removeAll(keepingCapacity: true)
  }

  private mutating func read(_ name: borrowing Span<UInt8>, _ value: borrowing Span<UInt8>) {
    if ASCII.equals(name, "x-forwarded-for") {
      addElements(of: value)
    } else if ASCII.equals(name, "x-forwarded-proto") {
      guard let only = ListTokens.only(of: value) else { return }
      let scheme = value.extracting(only.range)
      if ASCII.equals(scheme, "https") { isTLS = isTLS ?? true }
      if ASCII.equals(scheme, "http") { isTLS = isTLS ?? false }
    } else if ASCII.equals(name, "x-forwarded-host"), host.isEmpty {
      host.append(copying: value)
    } else if ASCII.equals(name, "x-forwarded-prefix"), prefix.isEmpty, Self.isPrefix(value) {
      prefix.append(copying: value)
      while prefix.last == UInt8(ascii: "/") { prefix.removeLast() }
    }
  }

  /// A path that names no server and has nothing to resolve; applications write links with it.
  private static func isPrefix(_ value: borrowing Span<UInt8>) -> Bool {
    guard (1...prefixBytesMax).contains(value.count), value[0] == UInt8(ascii: "/") else {
      return false
    }
    var isBehindSlash = false
    for index in 0..<value.count {
      let byte = value[index]
      switch byte {
      case UInt8(ascii: "/"), UInt8(ascii: "."): if isBehindSlash { return false }
      case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "~"): break
      default: guard ASCII.isLetter(byte) || ASCII.isDigit(byte) else { return false }
      }
      isBehindSlash = byte == UInt8(ascii: "/")
    }
    return true
  }

  /// Adds what stands between the commas, with its blanks, where there is something.
  private mutating func addElements(of line: borrowing Span<UInt8>) {
    var isFirst = true
    var start = 0
    while start < line.count {
      var end = start
      var isBlank = true
      while end < line.count, line[end] != UInt8(ascii: ",") {
        isBlank = isBlank && ASCII.isBlank(line[end])
        end += 1
      }
      defer { start = end + 1 }
      guard !isBlank else { continue }
      while isFirst, ASCII.isBlank(line[start]) { start += 1 }
      if !addresses.isEmpty { addresses.append(isFirst ? ", " : ",") }
      addresses.append(copying: line.extracting(start..<end))
      isFirst = false
    }
  }

  /// Letters, digits and what UUIDs, ULIDs and trace names have between them.
  private static func isIdentifier(_ value: borrowing Span<UInt8>) -> Bool {
    guard (1...requestIDBytesMax).contains(value.count) else { return false }
    for index in 0..<value.count {
      let byte = value[index]
      guard
        ASCII.isLetter(byte) || ASCII.isDigit(byte) || byte == UInt8(ascii: "-")
          || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: ":")
      else { return false }
    }
    return true
  }

  private mutating func findClient(_ trusted: [Network]) {
    let bytes = addresses
    var end = bytes.count
    for _ in 0..<Self.hopsMax where end > 0 {
      var start = end
      while start > 0, bytes[start - 1] != UInt8(ascii: ",") { start -= 1 }
      guard let address = Self.address(bytes.span.extracting(start..<end)) else { return }
      client = address
      guard trusted.contains(address) else { return }
      end = start - 1
    }
  }

  /// An address, in brackets, with a port or in quotation marks as some balancers write it.
  private static func address(_ element: borrowing Span<UInt8>) -> IPAddress? {
    var (start, end) = (0, element.count)
    while start < end, ASCII.isBlank(element[start]) { start += 1 }
    while end > start, ASCII.isBlank(element[end - 1]) { end -= 1 }
    let quote = UInt8(ascii: "\"")
    if end - start > 2, element[start] == quote, element[end - 1] == quote {
      (start, end) = (start + 1, end - 1)
    }
    if let address = IPAddress(element.extracting(start..<end)) { return address }
    // [2001:db8::1], [2001:db8::1]:4711 and 192.0.2.1:4711.
    var last = end
    while last > start, ASCII.isDigit(element[last - 1]) { last -= 1 }
    if last > start, element[last - 1] == UInt8(ascii: ":") { end = last - 1 }
    if end - start > 2, element[start] == UInt8(ascii: "["), element[end - 1] == UInt8(ascii: "]") {
      (start, end) = (start + 1, end - 1)
    }
    return IPAddress(element.extracting(start..<end))
  }
}
