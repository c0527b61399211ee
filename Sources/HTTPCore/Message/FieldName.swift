/// Field names that mean something to a proxy; all others are `other`.
package enum FieldName: UInt8, Sendable {
  case other
  case accept, acceptEncoding, acceptRanges, cacheControl, connection, contentEncoding
  case contentLength, contentRange, contentType, cookie, date
  /// Digests of the body as it was sent: `Digest`, `Content-Digest`, `Repr-Digest`, `Content-MD5`.
  case digest
  case etag, expect, forwarded, host
  case idempotencyKey, ifMatch, ifModifiedSince, ifNoneMatch, ifRange, ifUnmodifiedSince
  case keepAlive, maxForwards, proxy, proxyAuthenticate, proxyAuthorization, proxyConnection
  case secWebSocketAccept, secWebSocketKey, secWebSocketVersion
  case range, referer, setCookie, te, traceparent, tracestate, trailer, transferEncoding, upgrade
  case userAgent, vary
  /// `X-Forwarded-…` of any kind.
  case xForwarded
  case xRealIP, xRequestID
  /// `X-Accel-…` of any kind, and `X-Sendfile`: words between an application and its server.
  case serverInstruction

  package init(_ name: borrowing Span<UInt8>) {
    self = .other
    switch name.count {
    case 2: if ASCII.equals(name, "te") { self = .te }
    case 4:
      if ASCII.equals(name, "host") {
        self = .host
      } else if ASCII.equals(name, "date") {
        self = .date
      } else if ASCII.equals(name, "etag") {
        self = .etag
      } else if ASCII.equals(name, "vary") {
        self = .vary
      }
    case 5:
      if ASCII.equals(name, "range") {
        self = .range
      } else if ASCII.equals(name, "proxy") {
        self = .proxy
      }
    case 6:
      if ASCII.equals(name, "accept") {
        self = .accept
      } else if ASCII.equals(name, "cookie") {
        self = .cookie
      } else if ASCII.equals(name, "expect") {
        self = .expect
      } else if ASCII.equals(name, "digest") {
        self = .digest
      }
    case 7:
      if ASCII.equals(name, "upgrade") {
        self = .upgrade
      } else if ASCII.equals(name, "referer") {
        self = .referer
      } else if ASCII.equals(name, "trailer") {
        self = .trailer
      }
    case 9:
      if ASCII.equals(name, "forwarded") {
        self = .forwarded
      } else if ASCII.equals(name, "x-real-ip") {
        self = .xRealIP
      } else {
        self = Self.long(name)
      }
    case 10:
      if ASCII.equals(name, "connection") {
        self = .connection
      } else if ASCII.equals(name, "user-agent") {
        self = .userAgent
      } else if ASCII.equals(name, "keep-alive") {
        self = .keepAlive
      } else if ASCII.equals(name, "set-cookie") {
        self = .setCookie
      } else if ASCII.equals(name, "x-sendfile") {
        self = .serverInstruction
      } else {
        self = Self.long(name)
      }
    default: self = Self.long(name)
    }
  }

  private static func long(_ name: borrowing Span<UInt8>) -> FieldName {
    switch name.count {
    case 8:
      if ASCII.equals(name, "if-match") { return .ifMatch }
      if ASCII.equals(name, "if-range") { return .ifRange }
    case 10: if ASCII.equals(name, "tracestate") { return .tracestate }
    case 11:
      if ASCII.equals(name, "traceparent") { return .traceparent }
      if ASCII.equals(name, "content-md5") || ASCII.equals(name, "repr-digest") { return .digest }
    case 12:
      if ASCII.equals(name, "content-type") { return .contentType }
      if ASCII.equals(name, "x-request-id") { return .xRequestID }
      if ASCII.equals(name, "max-forwards") { return .maxForwards }
    case 13:
      if ASCII.equals(name, "cache-control") { return .cacheControl }
      if ASCII.equals(name, "if-none-match") { return .ifNoneMatch }
      if ASCII.equals(name, "accept-ranges") { return .acceptRanges }
      if ASCII.equals(name, "content-range") { return .contentRange }
    case 14:
      if ASCII.equals(name, "content-length") { return .contentLength }
      if ASCII.equals(name, "content-digest") { return .digest }
    case 15:
      if ASCII.equals(name, "accept-encoding") { return .acceptEncoding }
      if ASCII.equals(name, "idempotency-key") { return .idempotencyKey }
    case 16:
      if ASCII.equals(name, "content-encoding") { return .contentEncoding }
      if ASCII.equals(name, "proxy-connection") { return .proxyConnection }
    case 17:
      if ASCII.equals(name, "transfer-encoding") { return .transferEncoding }
      if ASCII.equals(name, "if-modified-since") { return .ifModifiedSince }
      if ASCII.equals(name, "sec-websocket-key") { return .secWebSocketKey }
    case 18: if ASCII.equals(name, "proxy-authenticate") { return .proxyAuthenticate }
    case 19:
      if ASCII.equals(name, "if-unmodified-since") { return .ifUnmodifiedSince }
      if ASCII.equals(name, "proxy-authorization") { return .proxyAuthorization }
    case 20: if ASCII.equals(name, "sec-websocket-accept") { return .secWebSocketAccept }
    case 21: if ASCII.equals(name, "sec-websocket-version") { return .secWebSocketVersion }
    default: break
    }
    if name.count >= 8, ASCII.equals(name.extracting(0..<8), "x-accel-") {
      return .serverInstruction
    }
    if name.count >= 12, ASCII.equals(name.extracting(0..<12), "x-forwarded-") {
      return .xForwarded
    }
    return .other
  }

  /// Meant for the next hop only, RFC 9110 §7.6.1 and §11.7, and framing that each hop does anew.
  package var isHopByHop: Bool {
    switch self {
    case .connection, .keepAlive, .proxyAuthenticate, .proxyAuthorization, .proxyConnection, .te,
      .trailer, .transferEncoding, .upgrade:
      true
    default: false
    }
  }
}
