internal import Configuration
internal import EventLoop
internal import HTTPCore

/// Whether a text of the other server's is one that our keys take; hostile text is left out, not passed on.
enum Acceptable {
  /// The form of a host name, also `*.` and a name; `nil` where it is none.
  static func host(_ text: String) -> String? {
    let isWildcard = text.hasPrefix("*.")
    var output: [UInt8] = []
    let name = Array(text.utf8.dropFirst(isWildcard ? 2 : 0))
    guard HostName.normalise(name.span, into: &output) else { return nil }
    let plain = String(decoding: output, as: UTF8.self)
    // `_` is nginx's name for no name.
    guard plain != "_" else { return nil }
    return isWildcard ? "*." + plain : plain
  }

  /// A file or directory.
  static func file(_ path: String) -> Bool {
    path.hasPrefix("/") && path.utf8.count < 1000 && !path.hasSuffix(";") && !path.contains("://")
      && !path.contains("$") && !path.contains("%{")
      && path.unicodeScalars.allSatisfy(Plain.isPlain)
  }

  /// The path of a route, in the form in which requests are compared with it; `nil` where there is none.
  static func path(_ text: String) -> String? {
    guard text.hasPrefix("/"), text.utf8.count < 1000, !text.hasSuffix(";"),
      text.utf8.allSatisfy({ (0x21..<0x7F).contains($0) }),
      !text.contains(where: { "\\({`?#%*\"<>^|$".contains($0) }), !text.contains("//"),
      !text.contains("://"), !text.contains(".*")
    else { return nil }
    let segments = text.split(separator: "/")
    return segments.contains(".") || segments.contains("..") ? nil : text
  }

  static func fieldName(_ name: String, isRequest: Bool) -> Bool {
    guard !name.isEmpty, name.utf8.count <= 256,
      name.utf8.allSatisfy({ ASCII.isToken($0) && $0 != UInt8(ascii: "_") })
    else { return false }
    let known = FieldName(Array(name.utf8).span)
    if known.isHopByHop || known == .contentLength || known == .serverInstruction { return false }
    guard isRequest else { return true }
    let ours: [FieldName] = [
      .host, .forwarded, .xForwarded, .xRealIP, .xRequestID, .proxy, .expect,
    ]
    return !ours.contains(known) && !isForwarded(name)
  }

  /// Fields that tell the application what the client asked; they are written here.
  static func isForwarded(_ name: String) -> Bool {
    let lower = name.lowercased()
    return ["host", "x-real-ip", "forwarded", "x-request-id", "connection", "upgrade", "te"]
      .contains(lower) || lower.hasPrefix("x-forwarded-")
  }

  /// The loader takes twice as much, and `${` gets longer when it is written.
  static let valueBytesMax = 2000

  /// Visible ASCII with spaces between, and no variable of the other server's.
  static func fieldValue(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count < valueBytesMax
      && text.utf8.allSatisfy { (0x20..<0x7F).contains($0) }
      && !text.hasPrefix(" ") && !text.hasSuffix(" ")
  }

  static func redirectTarget(_ text: String) -> Bool {
    guard text.utf8.count < 4000, !text.contains("$"), !text.contains("%{") else { return false }
    // `{rest}` is written as `{path}` is.
    return
      (try? RedirectTarget(text.replacing("{rest}", with: "{path}"))) != nil
  }

  /// A node: a unix socket, or an address or name with a port.
  static func node(_ text: String) -> Bool {
    guard !text.contains("$"), text.unicodeScalars.allSatisfy(Plain.isPlain) else { return false }
    if text.hasPrefix("unix:") {
      let path = text.dropFirst(5)
      return path.hasPrefix("/") && path.utf8.count > 1 && path.utf8.count < 100
        && !path.hasSuffix(";")
    }
    if let address = SocketAddress(text) { return address.family != .unix && address.port != 0 }
    return HostAndPort(text) != nil
  }

  /// An address to listen at.
  static func listener(_ text: String) -> Bool {
    guard let address = SocketAddress(text) else { return false }
    return address.family != .unix && address.port != 0
  }

  /// A network in the one form without bits beyond its prefix.
  static func network(_ text: String) -> Network? {
    if let network = Network(Array(text.utf8).span) { return network }
    // Apache's `10.1` and `10.0.0.0/255.0.0.0`.
    let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
    if parts.count == 2, let mask = IPAddress(Array(parts[1].utf8).span), mask.isIPv4 {
      let bits = UInt32(truncatingIfNeeded: mask.low)
      let ones = (~bits).leadingZeroBitCount
      guard bits.nonzeroBitCount == ones else { return nil }
      return Network(Array("\(parts[0])/\(ones)".utf8).span)
    }
    let octets = text.split(separator: ".", omittingEmptySubsequences: true)
    guard parts.count == 1, (1...3).contains(octets.count),
      text.allSatisfy({ "0123456789.".contains($0) })
    else { return nil }
    let whole = octets.joined(separator: ".") + String(repeating: ".0", count: 4 - octets.count)
    return Network(Array("\(whole)/\(octets.count * 8)".utf8).span)
  }

  /// `type/subtype`; RFC 9110 §8.3.1.
  static func mediaType(_ text: String) -> Bool {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    return parts.count == 2
      && parts.allSatisfy { part in
        !part.isEmpty && part.utf8.count < 100
          && part.utf8.allSatisfy { ASCII.isToken($0) && $0 != UInt8(ascii: "*") }
      }
  }

  /// The name of a file in a directory.
  static func fileName(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count < 200 && !text.hasPrefix(".") && !text.contains("/")
      && !text.contains("$") && text.unicodeScalars.allSatisfy(Plain.isPlain)
  }

  static func token(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 64 && !text.hasPrefix("__")
      && text.utf8.allSatisfy { ASCII.isToken($0) }
  }
}
