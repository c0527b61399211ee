/// What the conditions of a request come to, RFC 9110 §13.
package enum Precondition: Equatable, Sendable {
  /// The request is carried out.
  case holds
  /// 304: the client has it already.
  case notModified
  /// 412.
  case failed
}

/// What a representation is compared by.
package struct Validators: Sendable, Equatable {
  /// A strong tag in its quotation marks.
  package var tag: [UInt8]
  /// When the representation was changed, in seconds since 1970; `nil` where that is not known, and
  /// then no date is a condition.
  package var modified: Int64?

  package init(tag: [UInt8], modified: Int64?) {
    self.tag = tag
    self.modified = modified
  }
}

extension RequestHead {
  /// Evaluates the conditions in the order of RFC 9110 §13.2.2.
  ///
  /// A date that is none is passed over, as §13.1.3 and §13.1.4 have it; a list of tags that is
  /// none has no tag.
  package func precondition(_ validators: borrowing Validators) -> Precondition {
    if let holds = anyTag(.ifMatch, validators, weakly: false) {
      guard holds else { return .failed }
    } else if let modified = validators.modified, let date = date(.ifUnmodifiedSince),
      modified > date
    {
      return .failed
    }
    let reads = method == .get || method == .head
    if let has = anyTag(.ifNoneMatch, validators, weakly: true) {
      guard has else { return .holds }
      return reads ? .notModified : .failed
    }
    if reads, let modified = validators.modified, let date = date(.ifModifiedSince),
      modified <= date
    {
      return .notModified
    }
    return .holds
  }

  /// Whether ranges may be sent as far as `If-Range` goes, RFC 9110 §13.1.5.
  ///
  /// A date counts only where it proves that the bytes are the same: not for a file that was changed
  /// within the last second before `now` (§8.8.2.2).
  package func rangeConditionHolds(_ validators: borrowing Validators, now: Int64) -> Bool {
    guard let part = first(.ifRange) else { return true }
    let value = span(part)
    if let date = HTTPDate.parseAnyForm(value) {
      guard let modified = validators.modified else { return false }
      return date == modified && modified < now
    }
    return EntityTag.same(value, validators.tag.span)
  }

  /// Whether any field of that name lists the tag; `nil` where there is none.
  private func anyTag(
    _ name: FieldName, _ validators: borrowing Validators, weakly: Bool
  ) -> Bool? {
    var result: Bool?
    for field in fields where field.known == name {
      let has = EntityTag.list(span(field.value), has: validators.tag.span, weakly: weakly)
      result = has || result == true
    }
    return result
  }

  private func date(_ name: FieldName) -> Int64? {
    guard let part = first(name) else { return nil }
    return HTTPDate.parseAnyForm(span(part))
  }
}
