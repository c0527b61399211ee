/// One part of the status as people read it.
enum StatusText: Equatable, Sendable {
  /// A name and what there is to say, on one line.
  case line(String, String)
  /// Rows under a title; left out where there are none.
  case table(String, columns: [String], rows: [[String]])

  /// Lines first come first; names are aligned among themselves, columns within their table.
  static func render(_ parts: [StatusText]) -> [UInt8] {
    let names = parts.map { if case .line(let name, _) = $0 { length(name) } else { 0 } }
    let width = names.max() ?? 0
    var output = ""
    for part in parts {
      switch part {
      case .line(let name, let text):
        output += padded(name, to: width) + "  " + shown(text) + "\n"
      case .table(_, _, let rows) where rows.isEmpty: break
      case .table(let title, let columns, let rows):
        output += "\n\(title)\n"
        append(columns, rows.map { $0.map(shown) }, to: &output)
      }
    }
    return Array(output.utf8)
  }

  private static func append(_ columns: [String], _ rows: [[String]], to output: inout String) {
    let all = [columns] + rows
    let widths = columns.indices.map { column in
      all.map { column < $0.count ? length($0[column]) : 0 }.max() ?? 0
    }
    for row in all {
      var line = " "
      for (cell, width) in zip(row, widths) { line += " " + padded(cell, to: width) + " " }
      while line.hasSuffix(" ") { line.removeLast() }
      output += line + "\n"
    }
  }

  private static func length(_ text: String) -> Int { text.unicodeScalars.count }

  private static func padded(_ text: String, to width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - length(text)))
  }

  /// The text with everything escaped that could move a terminal's cursor or turn its writing around.
  private static func shown(_ text: String) -> String {
    var output = ""
    for scalar in text.unicodeScalars {
      if scalar.isControl || scalar.isBidirectionalControl {
        output += "\\u{" + String(scalar.value, radix: 16) + "}"
      } else {
        output.unicodeScalars.append(scalar)
      }
    }
    return output
  }
}

extension Unicode.Scalar {
  /// Unicode, UAX #9 §2: what changes the direction of the text behind it.
  var isBidirectionalControl: Bool {
    (0x202A...0x202E).contains(value) || (0x2066...0x2069).contains(value)
  }
}

/// How long something took or takes, for people: `45s`, `12m`, `3h 20m`, `5d 3h`.
enum Age {
  static func text(_ seconds: Int64) -> String {
    let seconds = max(0, seconds)
    switch seconds {
    case ..<60: return "\(seconds)s"
    case ..<3600: return "\(seconds / 60)m"
    case ..<86_400: return "\(seconds / 3600)h \(seconds / 60 % 60)m"
    default: return "\(seconds / 86_400)d \(seconds / 3600 % 24)h"
    }
  }
}
