package import Configuration
import EventLoop

extension Configuration {
  /// What is wrong with a text, each in one line.
  package struct Mistakes: Error { package let lines: [String] }

  /// What a text in YAML says; every file that it names is empty.
  package init(yaml text: String) throws {
    let findings = Findings(path: "edge.yaml")
    let source = ConfigurationSource(environment: [:]) { (_, _) throws(SystemError) in [] }
    let read = ConfigurationLoader.read(Array(text.utf8), source: source, findings: findings)
    guard let read, findings.diagnostics.isEmpty else {
      throw Mistakes(lines: findings.diagnostics.map(\.description))
    }
    self = read
  }
}
