/// A piece of a line of the access log, as the text of `log.format` describes it.
package enum LogPiece: Sendable, Equatable {
  case text([UInt8])
  /// `isQuoted` says that it stands between quotation marks, where a space ends nothing.
  case field(LogField, isQuoted: Bool)
  /// A field of the request, its name in lower case.
  case header([UInt8], isQuoted: Bool)
}

/// What is known of a finished request, or of a TCP session, for a line of the access log.
package enum LogField: String, Sendable, CaseIterable {
  /// When it began, in UTC: as RFC 3339 writes it, as Apache does, and in seconds since 1970.
  case time
  case timeApache = "time_apache"
  case timeEpoch = "time_epoch"
  case status, id, client, user, listener, host, method, target, path, query
  case protocolName = "protocol"
  /// Method, target and protocol.
  case request
  case referer
  case userAgent = "user_agent"
  case tls, resumed, sni
  case bytesIn = "bytes_in"
  case bytesOut = "bytes_out"
  /// Seconds; the others are microseconds.
  case duration
  case total = "total_us"
  case firstByte = "first_byte_us"
  case upstreamTime = "upstream_us"
  case route, upstream, attempts
  /// The node of the last try.
  case node
  case tries, cause
  case traceID = "trace_id"
}

/// The text of `log.format`: what stands in braces is a field, `{{` and `}}` are braces.
package enum LogFormat {
  package enum Mistake: Error, Equatable {
    case unclosed
    /// There is no such field; what may have been meant, in braces, if anything.
    case unknown(String, meant: String?)
    case badHeader(String)
    case secret(String)
    /// A variable of nginx or a directive of Apache, and what there is here instead.
    case foreign(String, server: String, meant: String?)
    case noField
  }

  package static func pieces(of format: String) throws(Mistake) -> [LogPiece] {
    if let mistake = foreign(in: format) { throw mistake }
    var pieces: [LogPiece] = []
    var text: [UInt8] = []
    var isQuoted = false
    var rest = Substring(format)
    while let first = rest.first {
      if rest.hasPrefix("{{") || rest.hasPrefix("}}") || rest.hasPrefix("%%") {
        text += Array(String(first).utf8)
        rest = rest.dropFirst(2)
      } else if first == "{" {
        guard let end = rest.firstIndex(of: "}") else { throw .unclosed }
        let name = String(rest[rest.index(after: rest.startIndex)..<end])
        rest = rest[rest.index(after: end)...]
        if !text.isEmpty { pieces.append(.text(text)) }
        text = []
        pieces.append(try piece(name, isQuoted))
      } else if first == "}" {
        throw .unclosed
      } else {
        if first == "\"" { isQuoted.toggle() }
        text += Array(String(first).utf8)
        rest = rest.dropFirst()
      }
    }
    if !text.isEmpty { pieces.append(.text(text)) }
    let hasField = pieces.contains { if case .text = $0 { false } else { true } }
    guard hasField else { throw .noField }
    return pieces
  }

  private static func piece(_ name: String, _ isQuoted: Bool) throws(Mistake) -> LogPiece {
    if let field = LogField(rawValue: name) { return .field(field, isQuoted: isQuoted) }
    guard name.hasPrefix("header:") else { throw .unknown(name, meant: meant(by: name)) }
    let header = name.dropFirst(7).lowercased()
    guard FieldText.isName(header) else { throw .badHeader(String(name.dropFirst(7))) }
    guard !isSecret(header) else { throw .secret(String(name.dropFirst(7))) }
    return .header(Array(header.utf8), isQuoted: isQuoted)
  }

  /// Fields that let whoever reads them act as the client.
  private static func isSecret(_ header: String) -> Bool {
    let words = ["authorization", "cookie", "token", "secret", "password", "api-key", "apikey"]
    return words.contains { header.contains($0) }
  }

  // MARK: What others write

  /// The field that was meant by a name which is none.
  private static func meant(by name: String) -> String? {
    let word = name.lowercased().split(whereSeparator: { ". ".contains($0) }).last.map(String.init)
    if let known = others[name.lowercased()] ?? word.flatMap({ others[$0] }) { return known }
    return Suggestion.nearest(to: name, among: LogField.allCases.map(\.rawValue)).map { "{\($0)}" }
  }

  /// `$remote_addr` of nginx and `%h` or `%{Referer}i` of Apache, which would go into each line as they
  /// are; a `$` or `%` that is followed by anything else is text.
  private static func foreign(in format: String) -> Mistake? {
    var rest = Substring(format)
    while let place = rest.firstIndex(where: { $0 == "$" || $0 == "%" }) {
      let isNginx = rest[place] == "$"
      let after = rest[rest.index(after: place)...]
      rest = after
      if isNginx {
        let name = after.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }
        guard name.first?.isLetter == true else { continue }
        return .foreign("$\(name)", server: "nginx", meant: nginx(String(name)))
      }
      if after.hasPrefix("%") {
        rest = after.dropFirst()
        continue
      }
      guard let found = apache(after) else { continue }
      return .foreign("%\(found.text)", server: "Apache", meant: found.meant)
    }
    return nil
  }

  private static func nginx(_ name: String) -> String? {
    if let known = others[name] { return known }
    guard name.hasPrefix("http_") else { return nil }
    let words = name.dropFirst(5).split(separator: "_")
    let header = words.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined(separator: "-")
    return isSecret(header.lowercased()) ? nil : "{header:\(header)}"
  }

  /// What stands behind a `%`; `nil` where it is a mere per cent sign.
  private static func apache(_ text: Substring) -> (text: String, meant: String?)? {
    let marks = text.prefix { "<>!,".contains($0) || $0.isNumber }
    var rest = text[marks.endIndex...]
    if rest.hasPrefix("{"), let end = rest.firstIndex(of: "}") {
      let name = rest[rest.index(after: rest.startIndex)..<end]
      rest = rest[rest.index(after: end)...]
      guard let letter = rest.first, letter.isLetter else { return nil }
      let known = others[name.lowercased()]
      let header = letter == "i" && !isSecret(name.lowercased()) ? "{header:\(name)}" : nil
      return ("\(marks){\(name)}\(letter)", known ?? header)
    }
    guard let letter = rest.first, letter.isASCII, letter.isLetter else { return nil }
    return ("\(marks)\(letter)", letters[letter])
  }

  private static let letters: [Character: String] = [
    "h": "{client}", "a": "{client}", "u": "{user}", "t": "[{time_apache}]", "r": "{request}",
    "s": "{status}", "b": "{bytes_out}", "B": "{bytes_out}", "O": "{bytes_out}", "I": "{bytes_in}",
    "D": "{total_us}", "T": "{duration}", "m": "{method}", "U": "{path}", "q": "{query}",
    "H": "{protocol}", "v": "{host}", "V": "{host}", "L": "{id}", "l": "-",
  ]

  /// Names of nginx, Apache, Caddy and others, in lower case.
  private static let others: [String: String] = [
    "remote_addr": "{client}", "remote_ip": "{client}", "remote_host": "{client}",
    "client_ip": "{client}", "ip": "{client}", "addr": "{client}", "realip_remote_addr": "{client}",
    "remote_user": "{user}", "user_id": "{user}", "username": "{user}",
    "time_local": "{time_apache}", "time_iso8601": "{time}", "ts": "{time}", "timestamp": "{time}",
    "date": "{time}", "msec": "{time_epoch}", "unix": "{time_epoch}",
    "uri": "{target}", "url": "{target}", "request_uri": "{target}", "args": "{query}",
    "query_string": "{query}", "request_method": "{method}", "verb": "{method}",
    "server_protocol": "{protocol}", "proto": "{protocol}", "version": "{protocol}",
    "code": "{status}", "status_code": "{status}", "body_bytes_sent": "{bytes_out}",
    "bytes_sent": "{bytes_out}", "bytes": "{bytes_out}", "size": "{bytes_out}",
    "request_length": "{bytes_in}", "bytes_read": "{bytes_in}", "http_host": "{host}",
    "server_name": "{host}", "vhost": "{host}", "request_time": "{duration}",
    "latency": "{duration}", "elapsed": "{duration}", "duration_ms": "{total_us}",
    "upstream_response_time": "{upstream_us}", "upstream_header_time": "{upstream_us}",
    "upstream_addr": "{node}", "backend": "{upstream}", "upstream_status": "{tries}",
    "upstream_name": "{upstream}", "server": "{node}",
    "http_referer": "{referer}", "referrer": "{referer}", "http_user_agent": "{user_agent}",
    "user-agent": "{user_agent}", "agent": "{user_agent}", "useragent": "{user_agent}",
    "ssl_protocol": "{tls}", "tls_version": "{tls}", "scheme": "{tls}",
    "ssl_server_name": "{sni}", "ssl_session_reused": "{resumed}", "request_id": "{id}",
    "req_id": "{id}", "unique_id": "{id}", "trace": "{trace_id}", "traceid": "{trace_id}",
    "traceparent": "{trace_id}", "opentelemetry_trace_id": "{trace_id}",
    "http_x_forwarded_for": "{client}", "x-forwarded-for": "{client}", "xff": "{client}",
    "error": "{cause}", "reason": "{cause}", "retries": "{attempts}",
  ]
}
