/// Where something stands in a file that is imported; both numbers begin with 1, columns count bytes.
package struct Place: Sendable, Hashable {
  package var file: String
  package var line: Int
  package var column: Int

  /// As comments name it: the last part of the path, and the line.
  var short: String {
    let name = file.split(separator: "/").last.map(String.init) ?? file
    return "\(name):\(line)"
  }
}

/// Something that cannot be read, for the operator.
package struct Complaint: Sendable, Equatable, CustomStringConvertible {
  package var place: Place
  package var message: String

  /// As in `/etc/nginx/nginx.conf:12:3: '{' is never closed`, on one line whatever names have in them.
  package var description: String {
    Plain.text("\(place.file):\(place.line):\(place.column): \(message)")
  }

  /// The same for something that is no mistake.
  package var warning: String {
    Plain.text("\(place.file):\(place.line):\(place.column): warning: \(message)")
  }
}

/// One directive of nginx or Apache, with what stands in its block.
struct Statement: Equatable {
  /// As written for nginx, in lower case for Apache, whose names have no case.
  var name: String
  var arguments: [String]
  /// `nil` where the directive has no block.
  var block: [Statement]?
  var place: Place
  /// The name as it is written.
  var written: String

  init(
    name: String, arguments: [String], block: [Statement]? = nil, place: Place,
    written: String? = nil
  ) {
    self.name = name
    self.arguments = arguments
    self.block = block
    self.place = place
    self.written = written ?? name
  }

  var first: String { arguments.first ?? "" }
  var last: String { arguments.last ?? "" }

  /// The argument with a number, or nothing.
  func argument(_ index: Int) -> String {
    arguments.indices.contains(index) ? arguments[index] : ""
  }

  /// As comments quote it.
  var text: String {
    let words = [written] + arguments.map { $0.isEmpty ? "\"\"" : $0 }
    let text = words.joined(separator: " ") + (written.hasPrefix("<") ? ">" : "")
    return Plain.shortened(text, 90)
  }
}

/// Text for one line of a comment or a message.
enum Plain {
  /// Without characters that end a line for YAML or for a terminal, or that YAML does not take.
  static func text(_ text: String) -> String {
    String(String.UnicodeScalarView(text.unicodeScalars.map { isPlain($0) ? $0 : " " }))
  }

  static func shortened(_ text: String, _ charactersMax: Int) -> String {
    text.count <= charactersMax ? text : text.prefix(charactersMax) + "…"
  }

  /// YAML 1.1 §5.1 and §5.4: no controls, no separators of lines, no marks of byte order.
  static func isPlain(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7F...0x9F, 0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF: false
    default: true
    }
  }
}
