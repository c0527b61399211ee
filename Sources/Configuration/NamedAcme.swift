/// What `acme` names outside of the file, with where it does.
package struct NamedAcme {
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
}
