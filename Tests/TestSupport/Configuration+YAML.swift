import CertStore
package import Configuration
import EventLoop

extension Configuration {
  /// What is wrong with a text, each in one line.
  package struct Mistakes: Error { package let lines: [String] }

  /// What a text in YAML says; a file that it names and that is not there is empty.
  package init(yaml text: String) throws {
    let findings = Findings(path: "edge.yaml")
    let source = ConfigurationSource(environment: [:]) { (path, limit) throws(SystemError) in
      (try? WholeFile.read(path, bytesMax: limit)) ?? []
    }
    let read = ConfigurationLoader.read(Array(text.utf8), source: source, findings: findings)
    guard let read, findings.diagnostics.isEmpty else {
      throw Mistakes(lines: findings.diagnostics.map(\.description))
    }
    self = read
  }
}
