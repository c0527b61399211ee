internal import Calendar

/// A piece of the status as JSON will show it; fields keep their order.
indirect enum StatusValue: Equatable, Sendable {
  case nothing
  case flag(Bool)
  case number(Int)
  case text(String)
  /// Seconds since 1970; shown in UTC as RFC 3339 writes it.
  case time(Int64)
  case list([StatusValue])
  case fields([Field])

  struct Field: Equatable, Sendable {
    var name: String
    var value: StatusValue
  }

  static func texts(_ texts: [String]) -> StatusValue { .list(texts.map { .text($0) }) }
}

extension StatusValue: ExpressibleByDictionaryLiteral {
  init(dictionaryLiteral elements: (String, StatusValue)...) {
    self = .fields(elements.map { Field(name: $0.0, value: $0.1) })
  }
}

extension StatusValue {
  /// The value as a document of its own, with a line's end.
  func json() -> [UInt8] {
    var output = TextBuffer(capacity: 4096)
    write(to: &output)
    output.append(UInt8(ascii: "\n"))
    var bytes: [UInt8] = []
    bytes.append(copying: output.bytes)
    return bytes
  }

  /// Appends the value as JSON, RFC 8259, without white space.
  func write(to output: inout TextBuffer) {
    switch self {
    case .nothing: output.append("null")
    case .flag(let flag): output.append(flag ? "true" : "false")
    case .number(let number): output.append(decimal: number)
    case .text(let text): Self.write(text, to: &output)
    case .time(let seconds): Self.write(UTC.text(seconds), to: &output)
    case .list(let values):
      output.append(UInt8(ascii: "["))
      for (index, value) in values.enumerated() {
        if index > 0 { output.append(UInt8(ascii: ",")) }
        value.write(to: &output)
      }
      output.append(UInt8(ascii: "]"))
    case .fields(let fields):
      output.append(UInt8(ascii: "{"))
      for (index, field) in fields.enumerated() {
        if index > 0 { output.append(UInt8(ascii: ",")) }
        Self.write(field.name, to: &output)
        output.append(UInt8(ascii: ":"))
        field.value.write(to: &output)
      }
      output.append(UInt8(ascii: "}"))
    }
  }

  private static func write(_ text: String, to output: inout TextBuffer) {
    let bytes = Array(text.utf8)
    output.append(UInt8(ascii: "\""))
    output.append(json: bytes.span)
    output.append(UInt8(ascii: "\""))
  }
}
