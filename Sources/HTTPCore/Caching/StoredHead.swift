/// The head of an answer as it is kept, in the form in which it was received.
///
/// It is read by `ResponseParser` again.
extension ResponseHead {
  /// The head without what was meant for one hop or one request (RFC 9111 §3.1), up to the length of
  /// its body, which `StoredHead.end` adds.
  ///
  /// `date` is when it was received, for an answer that does not say (RFC 9110 §6.6.1).
  package func stored(date: borrowing Span<UInt8>) -> [UInt8] {
    var kept: [UInt8] = []
    kept.reserveCapacity(bytes.count + 64)
    kept.append("HTTP/1.1 ")
    kept.append(decimal: UInt64(clamping: status))
    kept.append(" ")
    kept.append(copying: span(reason))
    kept.append("\r\n")
    var isDated = false
    for field in fields where isLasting(field) {
      if field.known == .date {
        guard !isDated else { continue }
        isDated = true
      }
      StoredHead.line(span(field.name), span(field.value), into: &kept)
    }
    if !isDated {
      kept.append("Date: ")
      kept.append(copying: date)
      kept.append("\r\n")
    }
    return kept
  }

  private func isLasting(_ field: HeaderField) -> Bool {
    switch field.known {
    case .contentLength, .xRequestID, .serverInstruction: return false
    case .other:
      let name = span(field.name)
      if ASCII.equals(name, "age") || ASCII.equals(name, "proxy-authentication-info") {
        return false
      }
    default: if field.known.isHopByHop { return false }
    }
    return !nominates(field)
  }

  /// The entity tag in its quotation marks, without the word that it is a weak one; empty for none.
  var opaqueTag: [UInt8] {
    for field in fields where field.known == .etag {
      let value = span(field.value)
      let isWeak = value.count > 2 && ASCII.equalsExactly(value.extracting(0..<2), "W/")
      var tag: [UInt8] = []
      tag.append(copying: value.extracting((isWeak ? 2 : 0)..<value.count))
      return tag
    }
    return []
  }

  /// When it was changed last, as far as it says; seconds since 1970.
  var changeDate: Int64? {
    var date: Int64?
    for field in fields {
      if field.known == .date {
        date = HTTPDate.parseAnyForm(span(field.value))
      } else if ASCII.equals(span(field.name), "last-modified") {
        return HTTPDate.parseAnyForm(span(field.value))
      }
    }
    return date
  }

  /// Becomes the answer that the client has the content already, with the fields that such an answer
  /// has (RFC 9110 §15.4.5).
  package mutating func becomeNotModified() {
    let phrase: StaticString = "Not Modified"
    let start = bytes.count
    bytes.append(phrase)
    status = 304
    reason = ByteRange(start: start, count: bytes.count - start)
    contentLength = nil
    let kept = fields.filter { isKeptWithoutBody($0) }
    fields = kept
  }

  private func isKeptWithoutBody(_ field: HeaderField) -> Bool {
    switch field.known {
    case .cacheControl, .date, .etag, .vary: true
    case .other:
      ASCII.equals(span(field.name), "expires")
        || ASCII.equals(span(field.name), "content-location")
    default: false
    }
  }
}

package enum StoredHead {
  /// Ends a head that `ResponseHead.stored` began; a body of so many bytes follows.
  package static func end(_ head: inout [UInt8], status: Int, bodyCount: Int) {
    if status != 204 {
      head.append("Content-Length: ")
      head.append(decimal: UInt64(bodyCount))
      head.append("\r\n")
    }
    head.append("\r\n")
  }

  static func line(
    _ name: borrowing Span<UInt8>, _ value: borrowing Span<UInt8>, into head: inout [UInt8]
  ) {
    head.append(copying: name)
    head.append(": ")
    head.append(copying: value)
    head.append("\r\n")
  }
}

/// The field by which a cache tells what it did with a request, RFC 9211.
package enum CacheStatus {
  /// A stored answer was given; `ttl` is what is left of its freshness, below 0 once it is stale.
  ///
  /// `hit` and `fwd` exclude each other (§2.2), and the answer is one of the cache. `detail` has to be
  /// a token of RFC 8941 §3.3.4.
  package static func hit(ttl: Int64, detail: StaticString) -> [UInt8] {
    var value: [UInt8] = []
    value.append("EdgeProxy; hit; ttl=")
    if ttl < 0 { value.append("-") }
    value.append(decimal: ttl.magnitude)
    value.append("; detail=")
    value.append(detail)
    return value
  }
}
