internal import EventLoop
internal import HTTPCore

/// The page that shows what is in a directory.
enum DirectoryListing {
  /// Names that are shown at most; the page of a directory with more says so.
  static let entriesMax = 10_000
  /// So many are read: one more than are shown tells that there are more.
  static let readMax = entriesMax + 1

  /// Names are in the order of their bytes.
  static func page(_ entries: [DirectoryEntry], of path: [UInt8]) -> [UInt8] {
    var page = TextBuffer(capacity: 4096)
    page.append("<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>")
    page.append(htmlName: path.span)
    page.append("</title>\n<h1>")
    page.append(htmlName: path.span)
    page.append("</h1>\n<ul>\n")
    if path.count > 1 { page.append("<li><a href=\"../\">../</a></li>\n") }
    let sorted = entries.sorted { $0.name.lexicographicallyPrecedes($1.name) }
    for entry in sorted.prefix(entriesMax) { write(entry, into: &page) }
    page.append("</ul>\n")
    if entries.count > entriesMax {
      page.append("<p>This directory has more than ")
      page.append(decimal: entriesMax)
      page.append(" names. Not all of them are shown.</p>\n")
    }
    page.append("</html>\n")
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
    page.append(htmlName: entry.name.span)
    if entry.isDirectory { page.append("/") }
    page.append("</a></li>\n")
  }
}
