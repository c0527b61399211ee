internal import EventLoop
internal import Glibc

/// The service manager's side of the control thread: what it is told, and when.
struct ServiceWatch {
  private let notify: ServiceNotify?
  private let interval: Duration?
  private var lastSign = Instant(nanoseconds: 0)
  /// Of what the service manager was told last.
  private var version = 0

  /// From the environment that systemd gives a service.
  init() {
    notify = ServiceNotify(socket: Self.variable("NOTIFY_SOCKET"))
    interval = ServiceNotify.watchdogInterval(
      microseconds: Self.variable("WATCHDOG_USEC"), watched: Self.variable("WATCHDOG_PID"),
      process: getpid())
  }

  func ready(_ state: String) { notify?.send(.ready, .status(state)) }

  func reloading(now: Instant) { notify?.send(.reloading(now: now)) }

  /// Whether this version of what is told is another than the last.
  mutating func isNews(_ version: Int) -> Bool {
    defer { self.version = version }
    return notify != nil && version != self.version
  }

  func tell(_ state: String) { notify?.send(.status(state)) }

  func stopping() { notify?.send(.stopping, .status("draining")) }

  /// All is well; told as often as systemd wants to hear it.
  mutating func alive(now: Instant) {
    guard let interval, now - lastSign >= interval else { return }
    lastSign = now
    notify?.send(.watchdog)
  }

  private static func variable(_ name: String) -> String? {
    // SAFETY: nothing here changes the environment; the text is copied at once.
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
  }
}
