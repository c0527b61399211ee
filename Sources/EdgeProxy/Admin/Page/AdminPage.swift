internal import TLS

/// The page that a browser shows: one file, which the build puts into the program.
enum AdminPage {
  /// As `GET /` has it.
  static let answer = AdminAnswer(
    status: 200, type: .page(policy: policy(of: PackageResources.page_html)),
    body: PackageResources.page_html)

  /// What the browser lets the page do, as Content Security Policy Level 3 says it.
  ///
  /// It runs the script and uses the style that are in the page, and asks this server. Texts from outside can never become elements: Trusted Types refuse to read them as HTML.
  static func policy(of page: [UInt8]) -> String {
    [
      "default-src 'none'", "script-src \(source(of: "script", in: page))",
      "style-src \(source(of: "style", in: page))", "img-src data:", "connect-src 'self'",
      "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
      "require-trusted-types-for 'script'", "trusted-types 'none'",
    ].joined(separator: "; ")
  }

  /// The hash of the first element of that name, by which its content is allowed.
  private static func source(of element: String, in page: [UInt8]) -> String {
    guard let begin = end(of: Array("<\(element)>".utf8), in: page[...]) else { return "'none'" }
    let close = Array("</\(element)>".utf8)
    guard let end = end(of: close, in: page[begin...]) else { return "'none'" }
    let digest = Hash.sha256(Array(page[begin..<(end - close.count)]))
    return "'sha256-\(String(decoding: Base64.encode(digest), as: UTF8.self))'"
  }

  /// Where the first such text ends.
  private static func end(of text: [UInt8], in page: ArraySlice<UInt8>) -> Int? {
    var rest = page
    while let first = rest.firstIndex(of: text[0]) {
      rest = rest[first...]
      if rest.starts(with: text) { return first + text.count }
      rest = rest.dropFirst()
    }
    return nil
  }
}
