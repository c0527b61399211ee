package import EventLoop

/// Reads the pages that replace our own.
struct ErrorPageReader {
  let context: ReadingContext

  private static let statuses = 400...599

  func read(_ top: Section) -> [Int: ErrorPageSettings] {
    let (_, value) = top.take("error_pages")
    var pages: [Int: ErrorPageSettings] = [:]
    for entry in top.entries(of: value, "error_pages") {
      guard let path = context.path(entry.value, entry.key, or: []) else { continue }
      guard let status = Number.parse(entry.key), Self.statuses.contains(status) else {
        let found = Found.shortened(entry.key)
        context.findings.error(
          entry.keyPosition,
          "a key of 'error_pages' must be a status from \(Self.statuses.lowerBound) to"
            + " \(Self.statuses.upperBound), found '\(found)'\(Self.hint(entry.key))")
        continue
      }
      pages[status] = page(path, entry.value.position)
    }
    return pages
  }

  /// What is said to `5xx` and `500 502`.
  private static func hint(_ key: String) -> String {
    let isSeveral =
      key.contains(where: { "xX ,-*".contains($0) }) && key.contains(where: \.isNumber)
    return isSeveral || key == "default" ? "; each status has a line of its own" : ""
  }

  private func page(_ path: String, _ position: Position) -> ErrorPageSettings? {
    let limit = Directives.errorPageBytesMax
    do throws(SystemError) {
      let body = try context.source.readFile(path, limit)
      if body.count <= limit {
        return ErrorPageSettings(path: path, contentType: Self.contentType(path), body: body)
      }
      context.findings.error(
        position, "'\(Found.shortened(path))' is larger than \(ByteSize.text(limit))")
    } catch {
      context.unreadable(path, position, error)
    }
    return nil
  }

  private static func contentType(_ path: String) -> String {
    if path.hasSuffix(".html") || path.hasSuffix(".htm") { return "text/html; charset=utf-8" }
    return path.hasSuffix(".json") ? "application/json" : "text/plain; charset=utf-8"
  }
}

extension SystemError {
  /// The kernel's words without the name of the call, which tells an operator nothing.
  package var reason: String {
    guard let colon = description.firstIndex(of: ":") else { return description }
    return String(description[colon...].dropFirst(2))
  }
}
