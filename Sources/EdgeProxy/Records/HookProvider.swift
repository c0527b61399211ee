internal import CertStore
internal import Configuration
internal import DNSCore
internal import EventLoop
internal import Logging

/// Has a program keep the records, which is called for each of them.
///
///     HOOK add|remove NAME TYPE VALUE TTL      NAME without a dot at its end
///     HOOK present|cleanup FQDN. VALUE         for TXT, where the mode is lego's
///
/// The program has done its work when it ends with status 0: a record to add that is there already, and one to
/// remove that is not there, are no failure. One runs at a time. Besides PATH it has the variables of the
/// environment file, and the zone in EDGEPROXY_ZONE.
final class HookProvider: RecordProvider {
  /// The words of one call, and how many of them a failure may tell.
  private struct Call {
    let words: [String]
    let toldWords: Int
  }

  private let settings: RecordsSettings.Hook
  private let zone: DNSName
  private let seconds: UInt32
  private let path: String
  private let loop: EventLoop
  private let logger: Logger
  private var process: ChildProcess?
  private var isClosed = false

  private static let defaultPath = "/usr/local/bin:/usr/bin:/bin"
  /// A value of the environment file that is as long may be a secret, in characters.
  private static let secretMin = 6

  /// `path` is where programs are looked for; `nil` for the usual folders.
  init(
    _ settings: RecordsSettings.Hook, zone: DNSName, seconds: UInt32, path: String?,
    on loop: EventLoop, logger: Logger
  ) {
    self.settings = settings
    self.zone = zone
    self.seconds = seconds
    self.path = path ?? Self.defaultPath
    self.loop = loop
    self.logger = logger
  }

  /// A program that runs is killed.
  deinit { process?.cancel() }

  func close() {
    isClosed = true
    process?.cancel()
    process = nil
  }

  /// Nobody can ask a hook.
  func list(
    _ names: [DNSName], _ done: @escaping (Result<Set<AddressRecord>?, RecordFailure>) -> Void
  ) {
    loop.soon { [weak self] in
      if let self, !isClosed { done(.success(nil)) }
    }
  }

  func add(_ record: AddressRecord, _ done: @escaping (RecordFailure?) -> Void) {
    begin([call("add", record)], goesOn: false, done)
  }

  func remove(_ record: AddressRecord, _ done: @escaping (RecordFailure?) -> Void) {
    begin([call("remove", record)], goesOn: false, done)
  }

  func present(_ texts: [DNSName: [[UInt8]]], _ done: @escaping (RecordFailure?) -> Void) {
    begin(calls("add", "present", texts), goesOn: false, done)
  }

  func withdraw(_ texts: [DNSName: [[UInt8]]], _ done: @escaping (RecordFailure?) -> Void) {
    begin(calls("remove", "cleanup", texts), goesOn: true, done)
  }

  private func call(_ verb: String, _ record: AddressRecord) -> Call {
    Call(
      words: [verb, "\(record.name)", "\(record.type)", record.addressText, "\(seconds)"],
      toldWords: 5)
  }

  private func calls(
    _ own: String, _ legos: String, _ texts: [DNSName: [[UInt8]]]
  ) -> [Call] {
    let sorted = texts.sorted { "\($0.key)" < "\($1.key)" }
    return sorted.flatMap { name, values in
      values.map { value in
        let text = String(decoding: value, as: UTF8.self)
        return switch settings.mode {
        case .own: Call(words: [own, "\(name)", "TXT", text, "\(seconds)"], toldWords: 3)
        case .lego: Call(words: [legos, name.absolute, text], toldWords: 2)
        }
      }
    }
  }

  // MARK: Running

  private func begin(
    _ calls: [Call], goesOn: Bool, _ done: @escaping (RecordFailure?) -> Void
  ) {
    loop.soon { [weak self] in self?.run(calls[...], goesOn: goesOn, nil, done) }
  }

  /// One after the other; what goes on tells the first failure at the end.
  private func run(
    _ calls: ArraySlice<Call>, goesOn: Bool, _ failed: RecordFailure?,
    _ done: @escaping (RecordFailure?) -> Void
  ) {
    guard !isClosed else { return }
    guard let call = calls.first else { return done(failed) }
    start(call) { [weak self] failure in
      guard let self else { return }
      if let failure, !goesOn { return done(failure) }
      run(calls.dropFirst(), goesOn: goesOn, failed ?? failure, done)
    }
  }

  /// The environment file is read each time: another key needs no restart.
  private func start(_ call: Call, _ done: @escaping (RecordFailure?) -> Void) {
    let variables: [String: String]
    do throws(RecordFailure) {
      variables = try Self.variables(settings.environmentFile)
    } catch {
      return loop.soon { done(error) }
    }
    do throws(SystemError) {
      process = try ChildProcess(
        [settings.command] + call.words, environment: environment(variables),
        within: settings.timeout, on: loop
      ) { [unowned self] end, output in
        process = nil
        let text = Self.text(output, hiding: variables.values)
        done(failure(call, end, text))
      }
    } catch {
      loop.soon { [weak self] in
        if let self { done(failure(call, .notStarted(error), "")) }
      }
    }
  }

  private func environment(_ variables: [String: String]) -> [String] {
    let own = ["PATH": path, "EDGEPROXY_ZONE": "\(zone)"]
    return own.merging(variables) { $1 }.sorted { $0.key < $1.key }
      .map { "\($0.key)=\($0.value)" }
  }

  private func failure(
    _ call: Call, _ end: ChildProcess.End, _ output: String
  ) -> RecordFailure? {
    let told = call.words.prefix(call.toldWords).joined(separator: " ")
    guard end != .exited(0) else {
      logger.info(
        "the hook has ended",
        metadata: ["hook": "\(settings.command)", "task": "\(told)", "output": "\(output)"])
      return nil
    }
    let last = HookWords.printable(output)
    return RecordFailure(
      description: "the hook '\(settings.command) \(told)' "
        + HookWords.text(end, within: settings.timeout) + (last.isEmpty ? "" : ": \(last)"))
  }

  // MARK: The environment file

  static func variables(_ path: String?) throws(RecordFailure) -> [String: String] {
    guard let path else { return [:] }
    let text: [UInt8]
    do throws(KeyFileError) {
      text = try KeyFile.text(of: path, bytesMax: EnvironmentFile.bytesMax)
    } catch {
      throw RecordFailure(description: "the environment file '\(path)': \(error)")
    }
    do throws(EnvironmentFileError) {
      return try EnvironmentFile(text).variables
    } catch {
      throw RecordFailure(description: "the environment file '\(path)': \(error)")
    }
  }

  /// What the program wrote, but for what may be a key: a program may show the request that failed.
  private static func text(_ output: [UInt8], hiding values: some Sequence<String>) -> String {
    // Of a long output the beginning is missing, which may be that of a key.
    let isCut = output.count >= ChildProcess.outputBytesMax
    let whole = isCut ? output.drop { $0 != UInt8(ascii: "\n") }.dropFirst() : output[...]
    var text = String(decoding: whole, as: UTF8.self)
    for value in values.sorted(by: { $0.utf8.count > $1.utf8.count })
    where value.count >= secretMin {
      text = text.replacing(value, with: "***")
    }
    return text
  }
}

@available(*, unavailable) extension HookProvider: Sendable {}
