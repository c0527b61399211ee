/// Why a certificate is revoked, RFC 5280 §5.3.1.
package enum RevocationReason: Int, Sendable, CaseIterable {
  case unspecified = 0
  case keyCompromise = 1
  case cACompromise = 2
  case affiliationChanged = 3
  case superseded = 4
  case cessationOfOperation = 5
  case certificateHold = 6
  case removeFromCRL = 8
  case privilegeWithdrawn = 9
  case aACompromise = 10

  /// The RFC's word, in large or small letters.
  package init?(word: String) {
    let sought = word.lowercased()
    guard let found = Self.allCases.first(where: { $0.word.lowercased() == sought }) else {
      return nil
    }
    self = found
  }

  package var word: String { "\(self)" }
}
