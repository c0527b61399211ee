/// Whether a secret out of a store that is shared is taken as it lies there.
///
/// Once there are encryption keys a plain secret is refused. Otherwise an attacker who can write to
/// the store but has no key could put in certificates or ticket keys of his own, and would have the
/// fleet's connections. Everything that is read from etcd and may be sealed asks here.
package enum SealedSecrets {
  package enum Refusal: Equatable, Sendable {
    /// It lies there plain, although there are encryption keys.
    case notSealed
    /// It is sealed, and there are no encryption keys.
    case noEncryptionKeys
  }

  /// Why a secret is not taken; `nil` where it may be.
  package static func refusal(isSealed: Bool, with keys: EncryptionKeys?) -> Refusal? {
    switch (isSealed, keys) {
    case (false, .some): .notSealed
    case (true, .none): .noEncryptionKeys
    case (false, .none), (true, .some): nil
    }
  }
}
