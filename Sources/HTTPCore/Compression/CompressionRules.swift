/// What an answer's body becomes on its way.
package enum BodyCoding: Sendable, Equatable {
  case asSent
  /// Not compressed, but it could have been for another client: caches are told.
  case varying
  case compressed(ContentCoding)

  /// The body is another one than the one that was sent.
  package var isCompressed: Bool { if case .compressed = self { true } else { false } }
}

/// Which answers are compressed.
///
/// | answer | |
/// |---|---|
/// | 1xx, 204, 205, 206, 304, with Content-Range | as sent |
/// | with Content-Encoding, a digest, or `Cache-Control: no-transform` | as sent |
/// | of another type, or known to be smaller than the minimum | as sent |
/// | with Set-Cookie, where the route spares those | as sent |
/// | to HEAD, to HTTP/1.0, to a client that accepts none of the codings, without a body | with Vary only |
/// | all others | in the coding that the client likes best, RFC 9110 §8.4.1 |
package struct CompressionRules: Sendable, Equatable {
  /// Media types in lower case; `text/*` is all of a kind.
  package var types: [[UInt8]]
  /// Answers that are known to be smaller are not worth it.
  package var bodyBytesMin: Int
  /// Of two that the client likes as well, the first.
  package var codings: [ContentCoding]

  package init(types: [[UInt8]], bodyBytesMin: Int, codings: [ContentCoding]) {
    self.types = types
    self.bodyBytesMin = bodyBytesMin
    self.codings = codings
  }

  /// What becomes of the body of `response`, in a coding for which `isAvailable`.
  ///
  /// With `sparingCookies`, answers that set cookies are left alone: where a
  /// secret and words of an attacker's are in one compressed answer, its length betrays the secret
  /// (BREACH).
  package func coding(
    of response: borrowing ResponseHead, for request: borrowing RequestHead, sparingCookies: Bool,
    where isAvailable: (ContentCoding) -> Bool = { _ in true }
  ) -> BodyCoding {
    switch response.status {
    case ..<200, 204, 205, 206, 304: return .asSent
    default: break
    }
    var hasType = false
    for field in response.fields {
      switch field.known {
      case .contentEncoding, .contentRange, .digest: return .asSent
      case .setCookie where sparingCookies: return .asSent
      case .cacheControl: if response.lists(field.value, "no-transform") { return .asSent }
      case .contentType:
        guard isListed(response.span(field.value)) else { return .asSent }
        hasType = true
      default: break
      }
    }
    guard hasType else { return .asSent }
    if let length = response.contentLength, length < UInt64(bodyBytesMin) { return .asSent }
    guard response.bodyFraming(for: request.method) != .none, request.versionMinor > 0,
      let coding = AcceptEncoding(request).best(of: codings, where: isAvailable)
    else { return .varying }
    return .compressed(coding)
  }

  /// Whether a Content-Type is one of the types; its parameters do not matter.
  private func isListed(_ value: borrowing Span<UInt8>) -> Bool {
    var end = 0
    while end < value.count, value[end] != UInt8(ascii: ";"), !ASCII.isBlank(value[end]) {
      end += 1
    }
    for type in types where Self.matches(value.extracting(0..<end), type) { return true }
    return false
  }

  private static func matches(_ value: borrowing Span<UInt8>, _ type: [UInt8]) -> Bool {
    let isKind = type.last == UInt8(ascii: "*")
    let count = isKind ? type.count - 1 : type.count
    guard isKind ? value.count > count : value.count == count else { return false }
    for index in 0..<count where ASCII.lower(value[index]) != type[index] { return false }
    return true
  }
}

extension ResponseHead {
  /// Whether a comma-separated value has `word` in it, given in lower case.
  func lists(_ value: ByteRange, _ word: StaticString) -> Bool {
    var tokens = ListTokens(value)
    while let token = tokens.next(bytes.span) {
      if ASCII.equals(span(token), word) { return true }
    }
    return false
  }

  /// Whether caches already know that the answer depends on Accept-Encoding.
  var variesByEncoding: Bool {
    for field in fields
    where field.known == .vary && (lists(field.value, "*") || lists(field.value, "accept-encoding"))
    {
      return true
    }
    return false
  }
}
