internal import TLS

/// How a message is signed, RFC 8945 §6.
package enum TSIGAlgorithm: String, Sendable, Hashable, CaseIterable {
  case sha256 = "hmac-sha256"
  case sha512 = "hmac-sha512"

  /// As a message has it.
  var name: DNSName { DNSName(rawValue) ?? .root }

  /// The bytes of a code.
  var count: Int {
    switch self {
    case .sha256: 32
    case .sha512: 64
    }
  }

  func code(_ secret: [UInt8], _ bytes: [UInt8]) -> [UInt8]? {
    switch self {
    case .sha256: Hash.hmacSHA256(key: secret, bytes)
    case .sha512: Hash.hmacSHA512(key: secret, bytes)
    }
  }
}

/// A secret that we share with a name server, and the name that both know it by.
///
/// Whatever prints this value does not print the secret.
package struct TSIGKey: Sendable, Equatable {
  package let name: DNSName
  package let algorithm: TSIGAlgorithm
  let secret: [UInt8]

  /// What the file of a key may measure, in bytes.
  package static let fileBytesMax = 64 * 1024
  /// A secret of fewer bytes could be guessed.
  ///
  /// RFC 8945 §8 recommends as many as a code has.
  package static let secretBytesMin = 16

  package init(
    name: DNSName, algorithm: TSIGAlgorithm, secret: [UInt8]
  ) throws(TSIGKeyError) {
    guard secret.count >= Self.secretBytesMin else { throw .tooShort(bytes: secret.count) }
    self.name = name
    self.algorithm = algorithm
    self.secret = secret
  }

  /// Reads the text of a file: the secret alone in Base64, or statements of BIND, of which one must be of
  /// this key.
  ///
  ///     key "edgeproxy" { algorithm hmac-sha256; secret "mXf…="; };
  package init(
    name: DNSName, algorithm: TSIGAlgorithm, file text: [UInt8]
  ) throws(TSIGKeyError) {
    guard text.count <= Self.fileBytesMax else { throw .tooLarge }
    if let secret = Base64.decode(text), !secret.isEmpty {
      try self.init(name: name, algorithm: algorithm, secret: secret)
      return
    }
    let statements = try TSIGKeyStatement.read(text)
    guard let found = statements.first(where: { DNSName($0.name) == name }) else {
      throw .noSuchKey(statements.map(\.name))
    }
    guard found.algorithm.lowercased() == algorithm.rawValue else {
      throw .otherAlgorithm(found.algorithm)
    }
    guard let secret = Base64.decode(found.secret.utf8), !secret.isEmpty else {
      throw .malformed(line: found.line)
    }
    try self.init(name: name, algorithm: algorithm, secret: secret)
  }
}

extension TSIGKey: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  package var description: String { "TSIG key \(name) (\(algorithm.rawValue))" }
  package var debugDescription: String { description }
  package var customMirror: Mirror { Mirror(self, children: ["name": name]) }
}

/// Why a key is not used; none of these carries a part of a secret.
package enum TSIGKeyError: Error, Equatable, Sendable, CustomStringConvertible {
  case tooLarge
  case malformed(line: Int)
  case tooShort(bytes: Int)
  /// With the names of the keys that are there.
  case noSuchKey([String])
  case otherAlgorithm(String)

  package var description: String {
    switch self {
    case .tooLarge: "it is larger than \(TSIGKey.fileBytesMax) bytes"
    case .malformed(let line):
      "line \(line) is neither a secret in Base64 nor a part of"
        + " 'key \"NAME\" { algorithm hmac-sha256; secret \"BASE64\"; };', as tsig-keygen writes it"
    case .tooShort(let bytes):
      "the secret has \(bytes) bytes, which can be guessed; expected \(TSIGKey.secretBytesMin) or more"
    case .noSuchKey(let names):
      names.isEmpty
        ? "no key in it" : "it has other keys: \(names.prefix(5).joined(separator: ", "))"
    case .otherAlgorithm(let word): "the algorithm of the key in it is \(word)"
    }
  }
}
