internal import CertStore
internal import Configuration
internal import EventLoop
internal import TLS
internal import Wire

/// Calls the API of ClouDNS: one call after the other, and no more than five a second.
///
/// The API takes 20 calls a second and 600 a minute from one address, which may be that of several servers. The
/// password is read for each call, so that another one needs no restart; it is in no error.
final class CloudnsCalls {
  private let settings: RecordsSettings.ClouDNS
  private let loop: EventLoop
  private let caller: HTTPCaller
  private var waiting: [(call: CloudnsAPI.Call, done: Done)] = []
  private var mayCallAt = Instant(nanoseconds: 0)
  private var pause: Alarm?
  private(set) var isCalling = false
  private var isClosed = false

  typealias Done = (Result<[UInt8], RecordFailure>) -> Void

  /// Between the beginnings of two calls.
  static let pace = Duration.milliseconds(200)
  static let timeMax = Duration.seconds(20)
  static let passwordBytesMax = 1024

  init(_ settings: RecordsSettings.ClouDNS, on loop: EventLoop) {
    self.settings = settings
    self.loop = loop
    caller = HTTPCaller(
      ClientIdentity(authorityFile: settings.authorityFile), on: loop,
      userAgent: "edgeproxy/\(Version.number)", bodyMax: CloudnsAPI.bodyMax)
    pause = Alarm(on: loop) { [unowned self] in next() }
  }

  deinit { pause?.cancel() }

  /// Nothing is told afterwards.
  func close() {
    isClosed = true
    waiting = []
    pause?.cancel()
    caller.close()
  }

  /// `done` is called once, by the loop, with the body of the answer.
  func call(_ call: CloudnsAPI.Call, _ done: @escaping Done) {
    guard !isClosed else { return }
    waiting.append((call, done))
    nextInTime()
  }

  /// What `read` finds in the answer.
  func call<Value>(
    _ call: CloudnsAPI.Call, _ read: @escaping ([UInt8]) throws(CloudnsAPI.Fault) -> Value,
    _ done: @escaping (Result<Value, RecordFailure>) -> Void
  ) {
    self.call(call) { result in
      switch result {
      case .failure(let failure): done(.failure(failure))
      case .success(let body):
        do throws(CloudnsAPI.Fault) {
          done(.success(try read(body)))
        } catch {
          done(.failure(RecordFailure(description: "\(error)", advice: Self.advice(error))))
        }
      }
    }
  }

  private func nextInTime() {
    guard !waiting.isEmpty, !isCalling, pause?.isSet == false else { return }
    pause?.set(after: max(.zero, mayCallAt - loop.now))
  }

  private func next() {
    guard !waiting.isEmpty else { return }
    let (call, done) = waiting.removeFirst()
    mayCallAt = loop.now + Self.pace
    do throws(RecordFailure) {
      let request = try request(call)
      isCalling = true
      caller.call(request, within: Self.timeMax) { [weak self] result in
        guard let self else { return }
        isCalling = false
        nextInTime()
        done(Self.judge(result))
      }
    } catch {
      nextInTime()
      done(.failure(error))
    }
  }

  private func request(_ call: CloudnsAPI.Call) throws(RecordFailure) -> HTTPRequest {
    guard let url = HTTPURL(settings.url + call.path) else {
      throw RecordFailure(description: "'\(settings.url)' is no URL")
    }
    let who =
      switch settings.user {
      case .main(let number): ("auth-id", "\(number)")
      case .sub(let number): ("sub-auth-id", "\(number)")
      case .subName(let name): ("sub-auth-user", name)
      }
    let form = CloudnsAPI.form([who, ("auth-password", try password())])
    return HTTPRequest(
      method: .post, url: url,
      fields: [
        ("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json"),
      ],
      body: Array("\(form)&\(call.form)".utf8))
  }

  private func password() throws(RecordFailure) -> String {
    let bytes: [UInt8]
    do throws(KeyFileError) {
      bytes = try KeyFile.text(of: settings.passwordFile, bytesMax: Self.passwordBytesMax)
    } catch {
      throw RecordFailure(description: "the password file '\(settings.passwordFile)': \(error)")
    }
    // A line, as an editor leaves it.
    let line = bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
    guard !line.isEmpty, bytes.count <= Self.passwordBytesMax,
      let password = String(validating: line, as: UTF8.self)
    else {
      throw RecordFailure(
        description: "the password file '\(settings.passwordFile)' has no password in its first"
          + " line")
    }
    return password
  }

  private static func judge(
    _ result: Result<HTTPResponse, HTTPCallError>
  ) -> Result<[UInt8], RecordFailure> {
    switch result {
    case .failure(let error):
      .failure(RecordFailure(description: "ClouDNS was not reached: \(error)"))
    case .success(let response) where response.status != 200:
      .failure(RecordFailure(description: "ClouDNS answers with status \(response.status)"))
    case .success(let response): .success(response.body)
    }
  }

  /// By the texts of the published API.
  private static func advice(_ fault: CloudnsAPI.Fault) -> String? {
    guard case .refused(let text) = fault else { return nil }
    if text.hasPrefix("Invalid authentication") {
      return "compare the user and the password file with API & Resellers at ClouDNS, and see"
        + " whether the user may ask from this server's address"
    }
    if text.hasPrefix("Missing domain-name") {
      return "see whether the zone is in this account, and whether this user may change it"
    }
    return nil
  }
}

@available(*, unavailable) extension CloudnsCalls: Sendable {}
