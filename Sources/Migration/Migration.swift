/// Makes our configuration of nginx's or Apache's.
///
/// Pure: files are read through the source that the caller gives, and the result is text. Input is
/// hostile: no file traps, loops or grows without bound, and what is written is read by our loader.
package enum Migration {
  /// No configuration is larger.
  private static let textBytesMax = 1 << 20

  package enum Language: String, Sendable { case nginx, apache }

  package struct Result {
    /// The configuration; `nil` where no site was found or a file cannot be read.
    package var text: String?
    /// What cannot be read.
    package var complaints: [Complaint]
    /// Restrictions that are not in the result.
    package var dangers: [Complaint]
  }

  /// Imports files in their order; `root` is where names without `/` in front are, and found where it is `nil`.
  package static func run(
    _ language: Language, _ paths: [String], root: String?, source: MigrationSource
  ) -> Result {
    let first = paths.first ?? ""
    let files = SourceFiles(
      source: source, root: root ?? self.root(of: first, language, source))
    let start = { (path: String) in Place(file: path, line: 1, column: 1) }
    var imported: Imported
    let notes: Notes
    let upstreams: UpstreamList
    switch language {
    case .nginx:
      let reader = NginxImport(files: files)
      reader.run(paths.flatMap { NginxReader.read($0, from: start($0), files) })
      (imported, notes, upstreams) = (reader.imported, reader.notes, reader.upstreams)
    case .apache:
      let variables = ApacheReader.Variables()
      let reader = ApacheImport(files: files)
      reader.run(paths.flatMap { ApacheReader.read($0, from: start($0), files, variables) })
      (imported, notes, upstreams) = (reader.imported, reader.notes, reader.upstreams)
    }
    Assembly(notes: notes).assemble(&imported)
    let dangers = notes.dangers.map {
      Complaint(place: $0.place, message: "\($0.directive): \($0.advice)")
    }
    if imported.sites.isEmpty, files.complaints.isEmpty {
      files.complain(start(first), "no site is in it")
    }
    guard files.complaints.isEmpty else {
      return Result(text: nil, complaints: files.complaints, dangers: dangers)
    }
    let used = Set(imported.sites.flatMap(\.routes).flatMap(\.upstreams))
    let text = ConfigurationWriter(
      imported: imported, upstreams: upstreams.entries.filter { used.contains($0.name) },
      notes: notes, command: "edgeproxy import-\(language.rawValue) \(paths.joined(separator: " "))"
    ).text()
    guard text.utf8.count <= textBytesMax else {
      let complaint = Complaint(
        place: start(first), message: "the result is larger than 1 MiB; import fewer sites at once")
      return Result(text: nil, complaints: [complaint], dangers: dangers)
    }
    return Result(text: text, complaints: [], dangers: dangers)
  }

  /// The folder at or above a file that has the server's own main file; else that of the file.
  private static func root(
    of path: String, _ language: Language, _ source: MigrationSource
  ) -> String {
    let main = language == .nginx ? ["nginx.conf"] : ["apache2.conf", "httpd.conf"]
    var folder = path[..<(path.lastIndex(of: "/") ?? path.startIndex)]
    let nearest = folder.isEmpty ? (path.hasPrefix("/") ? "/" : ".") : String(folder)
    while !folder.isEmpty {
      let names = source.names(String(folder))
      if main.contains(where: names.contains) {
        // `conf/httpd.conf` is below the root of the server.
        return language == .apache && folder.hasSuffix("/conf")
          ? String(folder.dropLast(5)) : String(folder)
      }
      folder = folder[..<(folder.lastIndex(of: "/") ?? folder.startIndex)]
    }
    return nearest
  }
}

extension Route {
  /// The upstreams that it asks.
  var upstreams: [String] {
    var names: [String] = []
    if case .upstream(let name) = destination { names.append(name) }
    if let forward = keys.forward { names.append(forward.upstream) }
    return names
  }
}
