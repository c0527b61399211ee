import EventLoop
import Glibc

/// What systemd is told about this service: sd_notify(3), without its library.
struct ServiceNotify {
  private let address: SocketAddress?
  /// How often the watchdog wants to hear from us; `nil` where it is off.
  private let watchdogPeriod: Duration?
  private var lastWatchdog = Instant(nanoseconds: 0)

  /// Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
  init(environment: [String: String] = ServiceNotify.processEnvironment()) {
    address = environment["NOTIFY_SOCKET"].flatMap(Self.notifyAddress)
    let isOurs = environment["WATCHDOG_PID"].map { $0 == "\(getpid())" } ?? true
    let period = environment["WATCHDOG_USEC"].flatMap(Int64.init)
    watchdogPeriod = isOurs ? period.map { .microseconds($0) } : nil
  }

  private static func processEnvironment() -> [String: String] {
    var found: [String: String] = [:]
    for name in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] {
      if let value = unsafe getenv(name) { unsafe found[name] = String(cString: value) }
    }
    return found
  }

  /// systemd's abstract names have no NUL at their end, unlike uWSGI's.
  private static func notifyAddress(_ text: String) -> SocketAddress? {
    guard text.hasPrefix("/") || text.hasPrefix("@") else { return nil }
    guard text.hasPrefix("@"), let address = SocketAddress(unixPath: text) else {
      return SocketAddress(unixPath: text)
    }
    return SocketAddress(kernelBytes: Array(address.bytes.dropLast()))
  }

  func ready(status: String) { send("READY=1\nSTATUS=\(status)") }

  func stopping() { send("STOPPING=1") }

  /// systemd wants the time to tell this reload from an earlier one.
  func reloading(now: Instant) {
    send("RELOADING=1\nMONOTONIC_USEC=\(now.nanoseconds / 1000)")
  }

  /// Says that all is well; call it once a second, it is sent as often as is wanted.
  mutating func watchdog(now: Instant) {
    guard let period = watchdogPeriod, now - lastWatchdog >= period / 3 else { return }
    lastWatchdog = now
    send("WATCHDOG=1")
  }

  private func send(_ message: String) {
    guard let address else { return }
    Datagram.send(Array(message.utf8), to: address)
  }
}
