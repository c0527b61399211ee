/// What `--version` says, and what `scripts/package` calls the package.
///
/// The first heading of CHANGELOG.md has the same number.
package enum Version {
  package static let number = "0.2.0"
  package static let text = "edgeproxy \(number)"
}
