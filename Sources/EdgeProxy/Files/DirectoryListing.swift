internal import EventLoop
internal import HTTPCore

/// The page that shows what is in a directory.
enum DirectoryListing {
  /// Names that are shown at most; a directory with more has a page that ends there.
  static let entriesMax = 10_000

  /// Hidden names are left out, and the rest is in the order of its bytes.
  static func page(_ entries: [DirectoryEntry], of path: [UInt8]) -> [UInt8] {
    var page = TextBuffer(capacity: 4096)
    page.append("<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>")
    page.append(html: path.span)
    page.append("</title>\n<h1>")
    page.append(html: path.span)
    page.append("</h1>\n<ul>\n")
    if path.count > 1 { page.append("<li><a href=\"../\">../</a></li>\n") }
    let shown = entries.filter { $0.name.first != UInt8(ascii: ".") }
    for entry in shown.sorted(by: { $0.name.lexicographicallyPrecedes($1.name) }) {
      write(entry, into: &page)
    }
    page.append("</ul>\n</html>\n")
    var bytes: [UInt8] = []
    bytes.append(copying: page.bytes)
    return bytes
  }

  /// `./` keeps a name with a colon from being read as a scheme.
  private static func write(_ entry: DirectoryEntry, into page: inout TextBuffer) {
    var link: [UInt8] = []
    link.append("./")
    link.append(escapingPath: entry.name.span)
    page.append("<li><a href=\"")
    page.append(html: link.span)
    if entry.isDirectory { page.append("/") }
    page.append("\">")
    page.append(html: entry.name.span)
    if entry.isDirectory { page.append("/") }
    page.append("</a></li>\n")
  }
}
