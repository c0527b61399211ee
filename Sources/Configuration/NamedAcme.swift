/// What `acme` names outside of the file, with where it does.
package struct NamedAcme {
  /// What a file has that only the service may read.
  enum Secret {
    case externalAccount
    /// The key of this name that updates of DNS are signed with.
    case transactions(String, AcmeSettings.Update.Algorithm)
  }

  /// `nil` where the file has no `acme`.
  package var settings: AcmeSettings?
  /// Certificates have no other source, and need none.
  var isAlone = false
  /// `dns` is there, whatever is wrong in it.
  var hasDNS = false
  /// Each name of each certificate.
  package var names: [(text: String, position: Position)] = []
  /// Where the directories of the issuers are named, in their order.
  package var issuers: [Position] = []
  var secrets: [(path: String, position: Position, kind: Secret)] = []
  var hook: NamedThings.Path?
}
