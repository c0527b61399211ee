import HTTPCore

extension ParserProperties {
  /// A client's frames mean the same however they are cut, and no request that comes out of them can
  /// be taken for anything else.
  package static func http2(_ input: [UInt8]) -> String? {
    let whole = HTTP2Frames.greeting + input
    let reading = SessionReading.read(whole, ends: [whole.count], limits: smallLimits)
    let place = HTTP2Frames.greeting.count + cut(input)
    guard
      SessionReading.read(whole, ends: [place, whole.count], limits: smallLimits) == reading
    else { return "another result when cut at \(place)" }
    guard let sent = reading.sent else { return "what is sent is no sequence of frames" }
    for frame in sent where frame.payload.count > 16384 { return "a frame that is too long" }
    for stream in reading.streams.values {
      if let complaint = stream.head.flatMap(problem) { return complaint }
    }
    return nil
  }

  private static func problem(_ head: RequestReading) -> String? {
    let parts = head.fields + [head.target, head.methodText, head.authority, head.host]
    for part in parts {
      for scalar in part.unicodeScalars where ["\r", "\n", "\0"].contains(scalar) {
        return "a line end or NUL within a part"
      }
    }
    let names = head.fields.map { String($0.prefix { $0 != ":" }) }
    for name in ["host", "cookie", "content-length"] where names.count(where: { $0 == name }) > 1 {
      return "more than one \(name)"
    }
    guard names.contains("host"), !head.host.isEmpty else { return "no host" }
    for name in names {
      if name.isEmpty || name.lowercased() != name { return "a name that is none" }
      if ["connection", "transfer-encoding", "upgrade", "keep-alive"].contains(name) {
        return "a field for one hop"
      }
    }
    if head.method == .connect { return "a tunnel" }
    if head.decodedPath == "*" { return head.method == .options ? nil : "an asterisk" }
    return head.decodedPath.hasPrefix("/") ? nil : "a path that is none"
  }
}
