package import Wire

/// A certificate that was asked for, RFC 8555 §7.1.3.
package struct Order: Sendable, Equatable {
  package enum Status: String, Sendable, Decodable {
    case pending, ready, processing, valid, invalid
  }

  package let status: Status
  /// The names in small letters; what is no DNS name has its kind before it.
  package let names: Set<String>
  package let authorizations: [HTTPURL]
  package let finalize: HTTPURL
  package let certificate: HTTPURL?
  package let problem: Problem?

  package init(_ bytes: [UInt8], _ rule: LinkRule) throws(ACMEError) {
    let members = try Document.read(Members.self, bytes, "the order")
    status = members.status
    names = Set(members.identifiers.list.map(\.name))
    var authorizations: [HTTPURL] = []
    for text in members.authorizations.list {
      authorizations.append(try rule.read(text, "an authorization"))
    }
    self.authorizations = authorizations
    finalize = try rule.read(members.finalize, "finalize")
    if let text = members.certificate {
      certificate = try rule.read(text, "certificate")
    } else {
      certificate = nil
    }
    problem = members.problem
  }

  private struct Members: Decodable {
    let status: Status
    let identifiers: Items<Identifier>
    let authorizations: Items<String>
    let finalize: String
    let certificate: String?
    let problem: Problem?

    private enum Member: String, CodingKey {
      case status, identifiers, authorizations, finalize, certificate, error
    }

    init(from decoder: any Decoder) throws {
      let members = try decoder.container(keyedBy: Member.self)
      status = try members.decode(Status.self, forKey: .status)
      identifiers = try members.decode(Items<Identifier>.self, forKey: .identifiers)
      authorizations = try members.decode(Items<String>.self, forKey: .authorizations)
      finalize = try members.decode(String.self, forKey: .finalize)
      certificate = try members.decodeIfPresent(String.self, forKey: .certificate)
      problem = members.lenient(Problem.self, .error)
    }
  }
}
