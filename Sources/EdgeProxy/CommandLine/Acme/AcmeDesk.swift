internal import ArgumentParser
internal import EventLoop
internal import Glibc

/// What the commands of `edgeproxy acme` ask the running server.
struct AcmeDesk {
  private let request: AdminRequest

  /// Milliseconds between two looks.
  private static let lookEvery: UInt32 = 500

  init(_ file: ConfigurationFile) { request = AdminRequest(file.config) }

  /// What the server says about its certificates, as JSON.
  func body() throws -> String {
    let reply = try request.send("GET", "/acme")
    guard reply.status == 200 else { throw CommandFailure(AcmeText.oneLine(reply.body)) }
    return reply.body
  }

  func report() throws -> AcmeReport { try AcmeReport(json: body()) }

  /// Has the server do something, and waits for what it comes to.
  ///
  /// With a limit of zero the command is left to the server.
  func order(_ target: String, isAboutAccounts: Bool = false, wait limit: Duration) throws {
    let start = SystemClock().now
    let reply = try request.send("POST", target)
    guard reply.status == 202 else { throw CommandFailure(AcmeText.oneLine(reply.body)) }
    if limit == .zero { return print(AcmeText.oneLine(reply.body)) }
    let begun = AcmeWaiting(
      reply: reply.body, isAboutAccounts: isAboutAccounts, since: start, limit: limit)
    guard var waiting = begun else { throw AcmeReport.Unreadable() }
    while true {
      let step = waiting.look(at: try report(), now: SystemClock().now)
      for line in step.lines { print(line) }
      // Somebody watches, perhaps through a pipe.
      fflush(nil)
      switch step.end {
      case .done: return
      case .failed: throw ExitCode(1)
      case nil: usleep(Self.lookEvery * 1000)
      }
    }
  }
}
