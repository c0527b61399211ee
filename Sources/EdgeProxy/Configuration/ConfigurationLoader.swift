internal import CertStore
internal import EventLoop

/// Reads the configuration file.
enum ConfigurationLoader {
  /// Nobody writes so much; a log or an archive named by mistake is told apart at once.
  static let fileBytesMax = 1 << 20

  /// Reads a file whole; the configuration is `nil` where there is at least one error.
  ///
  /// The diagnostics are in the order of the file and include warnings. Besides the file only the
  /// error pages it names are read.
  static func load(
    path: String, environment: [String: String]
  ) -> (configuration: Configuration?, diagnostics: [Diagnostic]) {
    let findings = Findings(path: path)
    do throws(SystemError) {
      let bytes = try WholeFile.read(path, bytesMax: fileBytesMax)
      let configuration = read(bytes, environment: environment, findings: findings)
      return (configuration, findings.diagnostics)
    } catch {
      findings.error(.start, "cannot be read: \(error.reason)")
      return (nil, findings.diagnostics)
    }
  }

  /// Reads what a file holds.
  static func read(
    _ bytes: [UInt8], environment: [String: String], findings: Findings
  ) -> Configuration? {
    guard bytes.count <= fileBytesMax else {
      findings.error(.start, "the file is larger than \(ByteSize.text(fileBytesMax))")
      return nil
    }
    let text = ConfigurationText.withoutMark(bytes)
    guard ConfigurationText.check(text, findings: findings) else { return nil }
    let result = YAMLReader.read(text, findings: findings)
    guard let root = result.root, !root.isNothing else {
      if findings.errorCount == 0 {
        findings.error(.start, "nothing is configured here; 'upstreams' and 'routes' are required")
      }
      return nil
    }
    let context = ReadingContext(
      findings: findings, environment: environment, isComplete: result.isComplete)
    let configuration = ConfigurationReader(context: context).read(root)
    return findings.errorCount == 0 ? configuration : nil
  }
}
