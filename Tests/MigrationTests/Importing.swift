@testable import Migration

/// Imports of texts that stand for files.
enum Importing {
  static let main = "/etc/other/main.conf"

  static func result(
    _ language: Migration.Language, _ text: String, files: [String: String] = [:],
    directories: [String: [String]] = [:]
  ) -> Migration.Result {
    Migration.run(
      language, [main], root: nil, source: source(text, files: files, directories: directories))
  }

  static func source(
    _ text: String, files: [String: String] = [:], directories: [String: [String]] = [:]
  ) -> MigrationSource {
    MigrationSource(
      read: { (path, _) throws(MigrationSource.Unreadable) in
        if path == main { return Array(text.utf8) }
        guard let content = files[path] else {
          throw MigrationSource.Unreadable(reason: "No such file or directory")
        }
        return Array(content.utf8)
      }, names: { directories[$0] ?? [] })
  }

  /// The configuration without comments and what every result has.
  static func configuration(
    _ language: Migration.Language, _ text: String, files: [String: String] = [:],
    directories: [String: [String]] = [:]
  ) -> String {
    let result = result(language, text, files: files, directories: directories)
    guard let text = result.text else {
      return result.complaints.map(\.description).joined(separator: "\n")
    }
    let lines = text.split(separator: "\n").filter { !$0.drop { $0 == " " }.hasPrefix("#") }
    return lines.joined(separator: "\n") + "\n"
  }

  /// The comments, each on one line.
  static func comments(_ language: Migration.Language, _ text: String) -> String {
    let text = result(language, text).text ?? ""
    var comments = ""
    for line in text.split(separator: "\n") {
      let trimmed = line.drop { $0 == " " }
      guard trimmed.hasPrefix("#") else { continue }
      let isContinued = trimmed.hasPrefix("#   ") && !trimmed.hasPrefix("#   install")
      comments += (isContinued ? " " : "\n") + trimmed.drop { $0 == "#" || $0 == " " }
    }
    return comments
  }

  /// A site of nginx's with TLS.
  static func nginx(_ lines: String, outside: String = "") -> String {
    configuration(
      .nginx, "\(outside)\nserver { listen 443 ssl; server_name a.example;\n\(lines)\n}\n")
  }

  /// A virtual host of Apache's with TLS.
  static func apache(_ lines: String, outside: String = "") -> String {
    configuration(
      .apache,
      "\(outside)\n<VirtualHost *:443>\nServerName a.example\n\(lines)\n</VirtualHost>\n")
  }
}
