internal import Configuration
internal import HTTPCore

/// An operator's page for one status: its text, and what stands for the facts of one answer.
///
/// `{id}`, `{status}` and `{reason}` are replaced. All other text stays as it is, also what stands in
/// braces, as in a style sheet.
struct ErrorPage: Sendable {
  enum Placeholder: String, CaseIterable {
    case id, status, reason

    fileprivate var mark: [UInt8] { Array("{\(rawValue)}".utf8) }
  }

  private enum Piece {
    case text(Range<Int>)
    case value(Placeholder)
  }

  let status: Int
  let contentType: [UInt8]
  private let body: [UInt8]
  private let pieces: [Piece]
  private let isHTML: Bool

  init(_ settings: ErrorPageSettings, status: Int) {
    self.status = status
    contentType = Array(settings.contentType.utf8)
    body = settings.body
    isHTML = settings.contentType.hasPrefix("text/html")
    pieces = Self.pieces(of: settings.body)
  }

  private static func pieces(of body: [UInt8]) -> [Piece] {
    let marks = Placeholder.allCases.map { ($0, $0.mark) }
    var pieces: [Piece] = []
    var begin = 0
    var index = 0
    while let brace = body[index...].firstIndex(of: UInt8(ascii: "{")) {
      index = brace + 1
      guard let (found, mark) = marks.first(where: { body[brace...].starts(with: $0.1) }) else {
        continue
      }
      pieces += [.text(begin..<brace), .value(found)]
      index = brace + mark.count
      begin = index
    }
    return pieces + [.text(begin..<body.count)]
  }

  func write(
    _ response: ErrorResponse, _ requestID: borrowing Span<UInt8>, into page: inout TextBuffer
  ) {
    for piece in pieces {
      switch piece {
      case .text(let range): page.append(body.span.extracting(range))
      case .value(.status): page.append(decimal: response.status)
      case .value(.reason): page.append(response.reason)
      // A trusted proxy may have chosen it; a string of JSON escapes less than HTML.
      case .value(.id) where isHTML: page.append(html: requestID)
      case .value(.id): page.append(json: requestID)
      }
    }
  }
}
