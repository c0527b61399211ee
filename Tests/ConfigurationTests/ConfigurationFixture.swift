import CertStore
import EventLoop
import Glibc
import Testing

@testable import Configuration

/// Configuration texts for tests.
enum ConfigurationFixture {
  /// Two lines without a mistake, so that what follows them begins on line 3.
  static let valid = """
    upstreams: { app: { nodes: ["10.0.0.1:3031"] } }
    routes: [{ host: app.example.org, upstream: app }]

    """

  /// What reading a text gives; its error pages are those in `files`.
  static func read(
    _ bytes: [UInt8], environment: [String: String] = [:], files: [String: [UInt8]] = [:]
  ) -> (configuration: Configuration?, lines: [String]) {
    let findings = Findings(path: "edge.yaml")
    let source = ConfigurationSource(environment: environment) {
      (path, bytesMax) throws(SystemError) in
      guard let bytes = files[path] else { throw SystemError("open", code: ENOENT) }
      return Array(bytes.prefix(bytesMax + 1))
    }
    let configuration = ConfigurationLoader.read(bytes, source: source, findings: findings)
    return (configuration, findings.diagnostics.map(\.description))
  }

  /// The complete value of a text that has no mistakes.
  static func configuration(
    _ text: String, environment: [String: String] = [:], files: [String: [UInt8]] = [:]
  ) throws -> Configuration {
    let read = read(Array(text.utf8), environment: environment, files: files)
    #expect(read.lines == [])
    return try #require(read.configuration)
  }

  /// A file of the repository.
  static func file(_ path: String) throws -> [UInt8] {
    let here = #filePath
    let root = here.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
    let whole = root.joined(separator: "/") + "/" + path
    return try WholeFile.read(whole, bytesMax: ConfigurationLoader.fileBytesMax)
  }
}

/// A text with mistakes, and the lines that it must give after `edge.yaml:`.
struct Mistake: Sendable, CustomTestStringConvertible {
  let text: String
  let lines: [String]

  init(_ text: String, _ lines: String...) {
    self.text = text
    self.lines = lines.map { "edge.yaml:\($0)" }
  }

  var testDescription: String { text }

  /// Reads `whole`, which the text is in.
  func check(_ whole: String, environment: [String: String] = [:]) {
    let read = ConfigurationFixture.read(Array(whole.utf8), environment: environment)
    #expect(read.configuration == nil)
    #expect(read.lines == lines)
  }
}
