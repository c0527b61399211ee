import FoundationEssentials
import TLS
import TestSupport

@testable import ACME

/// A signed request as a CA reads it, RFC 7515 §7.2.2.
struct SignedRequest {
  struct Head: Decodable {
    let alg: String
    let url: String
    let nonce: String?
    let kid: String?
    let jwk: [String: String]?
  }

  private struct Form: Decodable {
    let protected: String
    let payload: String
    let signature: String
  }

  let head: Head
  let payload: [UInt8]
  let signature: [UInt8]
  /// What is signed.
  let input: [UInt8]

  init?(_ bytes: [UInt8]) {
    guard let form = try? JSONDecoder().decode(Form.self, from: Data(bytes)),
      let protected = Base64URL.decode(form.protected),
      let head = try? JSONDecoder().decode(Head.self, from: Data(protected)),
      let payload = Base64URL.decode(form.payload),
      let signature = Base64URL.decode(form.signature)
    else { return nil }
    self.head = head
    self.payload = payload
    self.signature = signature
    input = Array("\(form.protected).\(form.payload)".utf8)
  }

  var text: String { String(decoding: payload, as: UTF8.self) }

  /// Whether the key has signed it.
  func isSigned(by key: SigningKey) -> Bool {
    guard let pem = try? key.pem() else { return false }
    return SignedForm.isES256(signature, of: input, by: pem)
  }

  /// The members of a JSON object whose values are texts or lists of texts.
  static func members(_ bytes: [UInt8]) -> [String: [String]] {
    struct Value: Decodable {
      let texts: [String]
      init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
          texts = [text]
        } else {
          texts = (try? container.decode([String].self)) ?? []
        }
      }
    }
    let read = try? JSONDecoder().decode([String: Value].self, from: Data(bytes))
    return (read ?? [:]).mapValues(\.texts)
  }

  /// The external account binding of a request for an account.
  static func binding(in bytes: [UInt8]) -> SignedRequest? {
    struct Forms: Decodable {
      let externalAccountBinding: [String: String]
    }
    guard let forms = try? JSONDecoder().decode(Forms.self, from: Data(bytes)),
      let text = try? JSONEncoder().encode(forms.externalAccountBinding)
    else { return nil }
    return SignedRequest(Array(text))
  }
}

extension SigningKey {
  var jwk: [String: String] {
    Dictionary(uniqueKeysWithValues: publicJWK.map { ($0.name, $0.value) })
  }
}
