package import HTTPCore

extension ParserProperties {
  /// A list of fields is refused, or becomes a request that says what the list says and nothing else.
  package static func fieldLists(_ bytes: [UInt8]) -> String? {
    var input = FuzzInput(bytes)
    var head = RequestHead()
    let list: FieldListReading
    switch FieldListReading.read(&input, into: &head) {
    case .complaint(let complaint): return complaint
    case .refused: return nil
    case .accepted(let reading): list = reading
    }
    return list.settledProblem(head) ?? list.onwardProblem(&head, &input)
  }
}

/// What a list of fields became, and what it was.
package struct FieldListReading {
  let fields: [FieldLists.Field]
  let ended: Bool
  let takesPipes: Bool

  package enum Outcome {
    case complaint(String)
    /// The stream is reset, or an error is answered.
    case refused
    case accepted(FieldListReading)
  }

  /// Reads a list of the input; `head` has what was understood.
  package static func read(_ input: inout FuzzInput, into head: inout RequestHead) -> Outcome {
    let limits = input.choice([
      HeadLimits(), ParserProperties.smallLimits, ParserProperties.wideLimits,
    ])
    let takesPipes = input.flag()
    let ended = input.flag()
    let isUsedBefore = input.isOnce(in: 4)
    var request = RequestFields(limits, takesPipes: takesPipes)
    let before = isUsedBefore ? FieldLists.make(&input) : []
    let fields = FieldLists.make(&input)
    if isUsedBefore { give(before, to: &request, ended: input.flag(), isTrailer: input.flag()) }
    give(fields, to: &request, ended: ended)
    let list = FieldListReading(fields: fields, ended: ended, takesPipes: takesPipes)
    if let complaint = rangesProblem(request.head) { return .complaint(complaint) }
    if isUsedBefore {
      var fresh = RequestFields(limits, takesPipes: takesPipes)
      give(fields, to: &fresh, ended: ended)
      guard fresh.error == request.error, fresh.isMalformed == request.isMalformed,
        fresh.isExcessive == request.isExcessive, same(fresh.head, request.head)
      else { return .complaint("the section before has a part in it") }
    }
    guard !request.isMalformed, request.error == nil else { return .refused }
    if let reason = list.malformation { return .complaint("taken: \(reason)") }
    swap(&head, &request.head)
    return .accepted(list)
  }

  private static func give(
    _ fields: [FieldLists.Field], to request: inout RequestFields, ended: Bool,
    isTrailer: Bool = false
  ) {
    request.begin(isTrailer: isTrailer)
    for field in fields where !request.isExcessive {
      request.add(field.name.span, field.value.span)
    }
    request.finish(ended: ended)
  }

  private static func same(_ left: borrowing RequestHead, _ right: borrowing RequestHead) -> Bool {
    guard left.bytes == right.bytes, left.fields.count == right.fields.count,
      left.host == right.host, left.framing == right.framing, left.method == right.method,
      left.decodedPath == right.decodedPath, left.authority == right.authority,
      left.expectsContinue == right.expectsContinue, left.isPipe == right.isPipe
    else { return false }
    for index in left.fields.indices
    where left.fields[index].name != right.fields[index].name
      || left.fields[index].value != right.fields[index].value
    {
      return false
    }
    return true
  }

  /// All parts of a head lie within its bytes, whether it was refused or not.
  static func rangesProblem(_ head: borrowing RequestHead) -> String? {
    var parts = [head.methodBytes, head.target, head.path, head.authority]
    if let query = head.query { parts.append(query) }
    for field in head.fields { parts += [field.name, field.value] }
    for part in parts where part.range.upperBound > head.bytes.count {
      return "a part outside the head's bytes"
    }
    return nil
  }
}

// MARK: Which lists are malformed

extension FieldListReading {
  /// Why a list must not be taken, by a second reading of RFC 9113 §8.2 and §8.3; `nil` where
  /// nothing of this is wrong with it.
  private var malformation: String? {
    var pseudo: Set<String> = []
    var single: Set<String> = []
    var isRegular = false
    for field in fields {
      let name = text(field.name.span)
      if name.hasPrefix(":") {
        guard !isRegular else { return "a pseudo-field behind a field" }
        guard Self.pseudo.contains(name) else { return "an unknown pseudo-field" }
        guard pseudo.insert(name).inserted else { return "a pseudo-field twice" }
        guard !field.value.isEmpty else { return "an empty pseudo-field" }
      } else {
        isRegular = true
        guard !name.isEmpty, field.name.allSatisfy(Self.isNameByte) else { return "a name" }
        guard !Self.connection.contains(name) else { return "a field of one connection" }
        let value = text(field.value.span).lowercased()
        guard name != "te" || value == "trailers" else { return "a te" }
        if name == "host" || name == "content-length" {
          guard single.insert(name).inserted else { return "\(name) twice" }
        }
      }
      guard field.value.allSatisfy({ $0 >= 0x20 && $0 != 0x7f || $0 == 0x09 }) else {
        return "a control byte in a value"
      }
    }
    for name in [":method", ":scheme", ":path"] where !pseudo.contains(name) { return "no \(name)" }
    return pseudo.contains(":authority") || single.contains("host") ? nil : "no host"
  }

  private static let pseudo: Set = [":method", ":scheme", ":path", ":authority", ":protocol"]
  private static let connection: Set = [
    "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade",
  ]

  private static func isNameByte(_ byte: UInt8) -> Bool {
    ASCII.isToken(byte) && !(0x41...0x5a).contains(byte)
  }

  private func value(_ name: String) -> [UInt8]? {
    fields.first { $0.name == octets(name) }?.value
  }
}

// MARK: What is made of a list

extension FieldListReading {
  /// The fields of the head are those of the list, with one Host before them and one Cookie.
  func settledProblem(_ head: borrowing RequestHead) -> String? {
    let method = value(":method") ?? []
    guard head.isPipe || head.isExtendedConnect || method != octets("CONNECT") else {
      return "a tunnel to anywhere"
    }
    guard !head.isPipe || takesPipes else { return "a pipe for a client" }
    let expected = head.isPipe ? fieldsOfPipe : settledFields(head)
    guard head.fields.count == expected.count else {
      return "\(head.fields.count) fields of \(expected.count)"
    }
    for (field, wanted) in zip(head.fields, expected) {
      guard Self.same(head.span(field.name), wanted.name),
        Self.same(head.span(field.value), wanted.value)
      else {
        let found = "\(text(head.span(field.name))): \(text(head.span(field.value)))"
        return "\(found) instead of \(text(wanted.name.span)): \(text(wanted.value.span))"
      }
      guard field.known == FieldName(head.span(field.name)) else { return "another name" }
    }
    guard !head.isPipe else { return nil }
    guard Self.same(head.span(head.methodBytes), head.isExtendedConnect ? octets("GET") : method),
      Self.same(head.span(head.target), value(":path") ?? [])
    else { return "another method or target" }
    guard Self.same(head.span(head.authority), authority) else { return "another authority" }
    return hostProblem(head) ?? framingProblem(head)
  }

  /// Nobody reads a Host or more than one cookie of a pipe: they are left out.
  private var fieldsOfPipe: [FieldLists.Field] {
    var cookies = 0
    return regularFields.filter { field in
      if field.name == octets("cookie") { cookies += 1 }
      return field.name != octets("host") && (field.name != octets("cookie") || cookies == 1)
    }
  }

  private var regularFields: [FieldLists.Field] {
    fields.filter { $0.name.first != UInt8(ascii: ":") }
  }

  var authority: [UInt8] { value(":authority") ?? value("host") ?? [] }

  private func settledFields(_ head: borrowing RequestHead) -> [FieldLists.Field] {
    var settled = [FieldLists.Field(octets("host"), authority)]
    var cookie: Int?
    for field in regularFields {
      switch text(field.name.span) {
      case "host": continue
      case "sec-websocket-key" where head.isExtendedConnect: continue
      case "cookie":
        if let cookie {
          settled[cookie].value += octets("; ") + field.value
        } else {
          cookie = settled.count
          settled.append(field)
        }
      default: settled.append(field)
      }
    }
    if head.isExtendedConnect, value("sec-websocket-version") == nil {
      settled.append(FieldLists.Field(octets("sec-websocket-version"), octets("13")))
    }
    return settled
  }

  private func hostProblem(_ head: borrowing RequestHead) -> String? {
    guard !head.host.isEmpty else { return "no host" }
    if head.host[0] == UInt8(ascii: "[") { return nil }
    let named = Self.hostName(authority)
    guard named == text(head.host.span) else { return "a host that nobody named" }
    if let host = value("host"), Self.hostName(host) != named { return "a host that contradicts" }
    return nil
  }

  /// Lower case, no port, no last dot.
  private static func hostName(_ authority: [UInt8]) -> String {
    let name = text(authority.span).prefix { $0 != ":" }.lowercased()
    return name.hasSuffix(".") ? String(name.dropLast()) : name
  }

  private func framingProblem(_ head: borrowing RequestHead) -> String? {
    let length = value("content-length").map { text($0.span) }
    switch head.framing {
    case .length(let count):
      return length.flatMap(UInt64.init) == count && (count == 0 || !ended) ? nil : "another length"
    case .chunked:
      return length == nil && !ended && !head.isExtendedConnect ? nil : "a body of any length"
    case .none: return length == nil && ended || head.isExtendedConnect ? nil : "a body was lost"
    }
  }

  static func same(_ left: borrowing Span<UInt8>, _ right: [UInt8]) -> Bool {
    guard left.count == right.count else { return false }
    for index in 0..<left.count where left[index] != right[index] { return false }
    return true
  }
}
