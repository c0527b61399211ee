/// What a CA says went wrong, RFC 8555 §6.7 and RFC 9457.
package struct Problem: Sendable, Equatable, CustomStringConvertible {
  /// What went wrong with one name of several.
  package struct Part: Sendable, Equatable {
    package let name: String?
    package let type: String
    package let detail: String
  }

  /// The word behind `urn:ietf:params:acme:error:`, or all of another type.
  package let type: String
  /// For people; at most `Document.textBytesMax` bytes.
  package let detail: String
  package let parts: [Part]

  package init(type: String, detail: String, parts: [Part] = []) {
    self.type = type
    self.detail = detail
    self.parts = parts
  }

  package init(_ bytes: [UInt8]) throws(ACMEError) {
    self = try Document.read(Problem.self, bytes, "the problem document")
  }

  package var description: String {
    let whole = detail.isEmpty ? type : "\(type): \(detail)"
    let each = parts.prefix(10).map { part in
      "; \(part.name ?? "a name"): \(part.type)" + (part.detail.isEmpty ? "" : ": \(part.detail)")
    }
    return Document.line(whole + each.joined())
  }
}

extension Problem: Decodable {
  private enum Member: String, CodingKey { case type, detail, subproblems, identifier }

  /// A member of another type than the RFC's counts as missing.
  package init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: Member.self)
    type = Self.word(members.lenient(String.self, .type))
    detail = Document.line(members.lenient(String.self, .detail) ?? "")
    parts = members.lenient(Items<Part>.self, .subproblems)?.list ?? []
  }

  fileprivate static func word(_ type: String?) -> String {
    guard let type, !type.isEmpty else { return "about:blank" }
    let namespace = "urn:ietf:params:acme:error:"
    return Document.line(
      type.hasPrefix(namespace) ? String(type.dropFirst(namespace.count)) : type)
  }
}

extension Problem.Part: Decodable {
  private enum Member: String, CodingKey { case type, detail, identifier }

  package init(from decoder: any Decoder) throws {
    let members = try decoder.container(keyedBy: Member.self)
    name = members.lenient(Identifier.self, .identifier).map { Document.line($0.value) }
    type = Problem.word(members.lenient(String.self, .type))
    detail = Document.line(members.lenient(String.self, .detail) ?? "")
  }
}

/// What a certificate is for, RFC 8555 §9.7.7.
struct Identifier: Codable, Equatable {
  let type: String
  let value: String

  init(name: String) {
    type = "dns"
    value = name
  }

  /// The name in small letters; one of another kind is never a name of ours.
  var name: String { type == "dns" ? value.lowercased() : "\(type):\(value)" }
}
