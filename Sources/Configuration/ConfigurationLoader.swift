internal import CertStore
package import EventLoop

/// Reads the configuration file.
package enum ConfigurationLoader {
  /// Nobody writes so much; a log or an archive named by mistake is told apart at once.
  static let fileBytesMax = 1 << 20

  /// Reads a file whole; the configuration is `nil` where there is at least one error.
  ///
  /// The diagnostics are in the order of the file and include warnings. Besides the file only the
  /// error pages it names are read.
  package static func load(
    path: String, environment: [String: String]
  ) -> (configuration: Configuration?, diagnostics: [Diagnostic]) {
    let findings = Findings(path: path)
    let configuration = load(environment, findings, NamedThings())
    return (configuration, findings.diagnostics)
  }

  /// Loads a file as `load` does, and also looks at what it names; `now` is seconds since 1970.
  ///
  /// `view` says with whose eyes, and `note` what the operator has to know about that.
  /// `further` looks at more, unless the file has mistakes.
  package static func check(
    path: String, environment: [String: String], now: Int64, view: ServiceView = .own,
    note: String? = nil,
    further: (Configuration, NamedThings, Findings) -> Void = { _, _, _ in }
  ) -> [Diagnostic] {
    let findings = Findings(path: path)
    let named = NamedThings()
    if let note { findings.note(.start, note) }
    let configuration = load(environment, findings, named, view)
    NamedThingsCheck(findings: findings, now: now, view: view).check(named)
    if let configuration { further(configuration, named, findings) }
    return findings.diagnostics
  }

  /// Where the administrators of the server with this file connect, however many mistakes are in it.
  ///
  /// Whoever asks may lack the server's environment, or may just be putting the file right. Of several
  /// addresses it is the first unix socket, which takes commands. `nil` where it is off, the default where
  /// the file is no YAML; throws where it cannot be read.
  package static func adminAddress(
    path: String, environment: [String: String]
  ) throws(SystemError) -> SocketAddress? {
    let bytes = try WholeFile.read(path, bytesMax: fileBytesMax)
    let source = ConfigurationSource(environment: environment) {
      (path, bytesMax) throws(SystemError) in try WholeFile.read(path, bytesMax: bytesMax)
    }
    let result = YAMLReader.read(
      ConfigurationText.withoutMark(bytes), findings: Findings(path: path))
    let context = ReadingContext(
      findings: Findings(path: path), named: NamedThings(), source: source, isComplete: false)
    let top = Section(parent: "", name: "", node: result.root, at: .start, context)
    let found = AdminAddressReader(context: context).read(top.section("listen"), taken: [])
    return ListenSettings.preferred(found)
  }

  private static func load(
    _ environment: [String: String], _ findings: Findings, _ named: NamedThings,
    _ view: ServiceView = .own
  ) -> Configuration? {
    var source = ConfigurationSource(environment: environment) {
      (path, bytesMax) throws(SystemError) in try WholeFile.read(path, bytesMax: bytesMax)
    }
    do throws(SystemError) {
      source.view = view
      let bytes = try source.readFile(findings.path, fileBytesMax)
      return read(bytes, source: source, findings: findings, named: named)
    } catch {
      let report = AccessReport(findings: findings, view: view)
      if !view.isStranger, !report.isOpen(findings.path, .read, .start) { return nil }
      findings.error(.start, "cannot be read: \(error.reason)")
      return nil
    }
  }

  /// Reads what a file holds.
  package static func read(
    _ bytes: [UInt8], source: ConfigurationSource, findings: Findings,
    named: NamedThings = NamedThings()
  ) -> Configuration? {
    guard bytes.count <= fileBytesMax else {
      findings.error(.start, "the file is larger than \(ByteSize.text(fileBytesMax))")
      return nil
    }
    let text = ConfigurationText.withoutMark(bytes)
    guard ConfigurationText.check(text, findings: findings) else { return nil }
    if let found = ForeignSyntax.find(in: text) {
      findings.error(found.position, found.message)
      return nil
    }
    let result = YAMLReader.read(text, findings: findings)
    guard let root = result.root, !root.isNothing else {
      if findings.errorCount == 0 {
        findings.error(.start, "nothing is configured here; 'upstreams' and 'routes' are required")
      }
      return nil
    }
    let context = ReadingContext(
      findings: findings, named: named, source: source, isComplete: result.isComplete)
    guard case .mapping(let entries) = root.content else {
      // One line is enough about a file that is something else.
      if result.isComplete { context.wrong(root, "", "a mapping of keys", Habits.root(root)) }
      return nil
    }
    if let found = ForeignSyntax.program(of: entries) {
      findings.error(found.position, found.message)
      return nil
    }
    let configuration = ConfigurationReader(context: context).read(root)
    return findings.errorCount == 0 ? configuration : nil
  }
}

/// What a configuration takes from outside of its own text.
package struct ConfigurationSource {
  var environment: [String: String]
  /// Reads at most the given number of bytes and some more where there are more.
  var readFile: (_ path: String, _ bytesMax: Int) throws(SystemError) -> [UInt8]
  /// With whose eyes files are read.
  var view = ServiceView.own

  package init(
    environment: [String: String],
    readFile: @escaping (_ path: String, _ bytesMax: Int) throws(SystemError) -> [UInt8]
  ) {
    self.environment = environment
    self.readFile = readFile
  }
}
