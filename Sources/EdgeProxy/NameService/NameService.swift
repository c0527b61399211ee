internal import Configuration
internal import DNSCore
internal import EventLoop
internal import Logging

/// Answers questions of DNS for the fleet's zone, UDP and TCP, on a thread of its own.
///
/// This is the control thread's side of it. Nothing is bound before there is something to answer, and
/// answers go on until `close`.
final class NameService {
  /// What the thread tells.
  private enum Report: Sendable {
    /// It answers with the content of that number.
    case installed(Int)
    /// What it was told to close is closed.
    case closed
    /// It could not take a socket.
    case lost(NamePlaces.Place, SystemError)
  }

  private let loop: EventLoop
  private let logger: Logger
  private let warnings: Warnings
  private var settings: NameServiceSettings
  private var table: NamePlaces
  private var thread: AnsweringThread?
  private var inbox: Inbox<Report>?
  private var content: ZoneContent?
  /// The numbers of the newest content and of the one that is answered.
  private var (number, installed) = (0, 0)
  private var waiting: [(number: Int, done: () -> Void)] = []
  /// Orders to close that are not carried out yet.
  private var closings = 0
  private var isClosed = false

  /// What the warning goes by that there is no thread.
  private static let fault = "name service"

  init(
    _ settings: NameServiceSettings, on loop: EventLoop, logger: Logger, warnings: Warnings
  ) {
    self.settings = settings
    self.loop = loop
    self.logger = logger
    self.warnings = warnings
    table = NamePlaces(logger: logger, warnings: warnings)
  }

  // MARK: Orders

  /// The zone says this from now on; `done` is called by the loop once every answer does.
  func install(_ next: ZoneContent, _ done: @escaping () -> Void) {
    guard !isClosed else { return loop.soon(done) }
    waiting.append((next == content ? number : number + 1, done))
    if next == content {
      if number == installed { loop.soon { [weak self] in self?.settle() } }
      return
    }
    content = next
    number += 1
    guard let thread, let slot = inbox?.slot else { return begin() }
    thread.post { [answers = ZoneAnswers(next), number] desk in
      desk.install(answers)
      slot.leave(.installed(number))
    }
  }

  /// Other addresses or another limit; what stays is not interrupted.
  func reconfigure(_ next: NameServiceSettings) {
    settings = next
    guard let thread, let slot = inbox?.slot else { return }
    thread.post { [limit = next.answersPerSecond] in $0.limit(limit) }
    var isClosing = false
    table.keep(next.listen) { carrier, address in
      isClosing = true
      thread.post { $0.close(address, carrier) }
    }
    // A new address may be in the way of an old one, as 0.0.0.0 is.
    guard isClosing else { return open() }
    closings += 1
    thread.post { _ in slot.leave(.closed) }
  }

  /// Tries what could not be done so far.
  func everySecond() {
    if thread == nil { begin() } else { open() }
  }

  /// Ends the thread and with it all answers; whoever waits for an answer to be there waits no longer.
  func close() {
    isClosed = true
    for each in waiting { loop.soon(each.done) }
    inbox?.close()
    thread?.stop()
    thread = nil
    inbox = nil
    waiting = []
    table.keep([]) { _, _ in }
    warnings.clear(Self.fault)
  }

  // MARK: The thread

  /// Starts the thread where there is something to answer.
  private func begin() {
    guard thread == nil, !isClosed, let content else { return }
    do throws(SystemError) {
      if inbox == nil { inbox = try Inbox(on: loop) { [weak self] in self?.heard($0) } }
      thread = try AnsweringThread.start(
        ZoneAnswers(content), answersPerSecond: settings.answersPerSecond, logger: logger)
      warnings.clear(Self.fault)
      inbox?.slot.leave(.installed(number))
      open()
    } catch {
      let text = "no names are answered: \(error)"
      guard warnings.raise(Self.fault, text, advice: "it is tried again each second") else {
        return
      }
      logger.error("\(text)")
    }
  }

  private func open() {
    guard let thread, let slot = inbox?.slot, closings == 0 else { return }
    table.open(settings.listen) { place, socket in
      thread.post { desk in
        do throws(SystemError) {
          try desk.open(
            FileDescriptor(owning: socket.descriptor), socket.address, place.carrier)
        } catch {
          slot.leave(.lost(place, error))
        }
      }
    }
  }

  private func heard(_ report: Report) {
    switch report {
    case .installed(let number):
      installed = max(installed, number)
      settle()
    case .closed:
      closings = max(0, closings - 1)
      open()
    case .lost(let place, let error): table.lost(place, error)
    }
  }

  private func settle() {
    let ready = waiting.filter { $0.number <= installed }
    waiting.removeAll { $0.number <= installed }
    for each in ready { each.done() }
  }

  // MARK: What there is to tell

  /// Each address of the configuration over each carrier, in their order.
  var places: [NamePlaces.State] { table.states(of: settings.listen) }

  var section: StatusSection {
    NameServiceSection(
      zone: settings.zone.description, serial: content?.serial, places: places,
      counts: thread?.counts ?? NameServiceCounts()
    ).section
  }
}

@available(*, unavailable) extension NameService: Sendable {}
