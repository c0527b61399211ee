import Testing

@testable import Configuration

/// Numbers at the ends of their types and of their keys, which must be told of and never end the process.
@Suite("Numbers of the configuration at the end of their types")
struct EdgeValueTests {
  static let numbers = [
    "9223372036854775807", "9223372036854775808", "18446744073709551616", "-1",
    "-9223372036854775808",
    "1e30", "1.0e308", "0x7fffffffffffffff", ".inf", ".nan",
    "99999999999999999999999999999999999999999",
  ]
  static let sizes = [
    "9223372036854775807B", "9223372036854775808B", "99999999999TiB", "9223372036854775807TiB",
    "-1B", "1e30B", "9223372036854775807",
  ]
  static let durations = [
    "9223372036854775807ms", "9223372036854775807h", "99999999999999999999h", "-1s", "1e30s",
    "9223372036854775807",
  ]

  /// The rows whose values are numbers, and what none of them may be.
  static let rows: [(path: String, values: [String])] = Directives.all.compactMap { row in
    switch row.type {
    case .number: (row.path, numbers)
    case .size: (row.path, sizes)
    case .duration: (row.path, durations)
    default: nil
    }
  }

  @Test(arguments: rows)
  func `a number beyond its bounds is reported where it stands`(_ path: String, _ values: [String])
  {
    let key = Directives.row(path).key
    for value in values {
      let text = DirectivesTests.text(path, value)
      let read = ConfigurationFixture.read(Array(text.utf8))
      #expect(read.configuration == nil)
      let message = read.lines.first { $0.contains("'\(key)' must be ") && $0.contains("found") }
      let column = text.firstRange(of: value).map {
        text.distance(from: text.startIndex, to: $0.lowerBound) + 1
      }
      #expect(message?.hasPrefix("edge.yaml:1:\(column ?? 0): ") == true, "\(text): \(read.lines)")
    }
  }

  /// Both ends are taken, and what is made of them inside is made without a trap.
  @Test(arguments: rows.map(\.path))
  func `the least and the most that a key may be are taken`(_ path: String) {
    let row = Directives.row(path)
    let ends: [String] =
      switch row.type {
      case .number(let range): ["\(range.lowerBound)", "\(range.upperBound)"]
      case .size(let range): [ByteSize.text(range.lowerBound), ByteSize.text(range.upperBound)]
      case .duration(let range): [TimeSpan.text(range.lowerBound), TimeSpan.text(range.upperBound)]
      default: []
      }
    for end in ends {
      let read = ConfigurationFixture.read(Array(DirectivesTests.text(path, end).utf8))
      #expect(!read.lines.contains { $0.contains("'\(row.key)' must be ") && $0.contains(end) })
    }
  }

  @Test(arguments: [
    ("listen: { https: [\"0.0.0.0:65536\"] }", "found '0.0.0.0:65536'"),
    (
      "listen: { https: [\"0.0.0.0:99999999999999999999\"] }",
      "found '0.0.0.0:99999999999999999999'"
    ),
    ("listen: { https: [\"0.0.0.0:-1\"] }", "found '0.0.0.0:-1'"),
    ("upstreams: { b: { nodes: [\"10.0.0.1:65536\"] } }", "'10.0.0.1:65536'"),
    (
      "upstreams: { b: { nodes: [\"10.0.0.1:9223372036854775808\"] } }",
      "'10.0.0.1:9223372036854775808'"
    ),
    ("upstreams: { b: { nodes: [\"app:99999999999999999999\"] } }", "'app:99999999999999999999'"),
    (
      "upstreams: { b: { nodes: [\"10.0.0.1:1\"], health: { status: 200-9223372036854775808 } } }",
      "'200-9223372036854775808'"
    ),
    (
      "upstreams: { b: { nodes: [\"10.0.0.1:1\"], retry: { on: [99999999999999999999] } } }",
      "'99999999999999999999'"
    ),
    ("trusted: [10.0.0.0/99999999999999999999]", "'10.0.0.0/99999999999999999999'"),
    ("trusted: [\"10.0.0.0/-1\"]", "'10.0.0.0/-1'"),
  ])
  func `a port, a prefix or a status beyond its bounds is reported`(_ text: String, _ found: String)
  {
    let read = ConfigurationFixture.read(Array(text.utf8))
    #expect(read.configuration == nil)
    #expect(
      read.lines.contains { $0.hasPrefix("edge.yaml:1:") && $0.contains(found) }, "\(read.lines)")
  }
}
