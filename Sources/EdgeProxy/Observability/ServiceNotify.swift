internal import EventLoop

/// What systemd is told over `NOTIFY_SOCKET`, sd_notify(3) and systemd.service(5) `Type=notify`.
struct ServiceNotify: Sendable {
  enum Message: Equatable, Sendable {
    /// Started, or done with a reload.
    case ready
    /// A reload begins, at this time of `CLOCK_MONOTONIC`; `ready` has to follow.
    case reloading(now: Instant)
    case stopping
    /// Alive; to be sent at least every `watchdogInterval`.
    case watchdog
    /// One line for `systemctl status`.
    case status(String)

    /// The assignments of the protocol, one per line.
    var text: String {
      switch self {
      case .ready: "READY=1"
      case .reloading(let now): "RELOADING=1\nMONOTONIC_USEC=\(now.nanoseconds / 1000)"
      case .stopping: "STOPPING=1"
      case .watchdog: "WATCHDOG=1"
      // A line feed would begin another assignment.
      case .status(let line): "STATUS=\(String(line.map { $0.isNewline ? " " : $0 }))"
      }
    }
  }

  private let address: SocketAddress

  /// `nil` when nobody asked to be told.
  init?(socket path: String?) {
    guard let path, let address = Self.address(path) else { return nil }
    self.address = address
  }

  /// Sends the messages in one datagram; a service manager that does not listen is no error.
  func send(_ messages: Message...) {
    Datagram.send(Self.payload(messages), to: address)
  }

  static func payload(_ messages: [Message]) -> [UInt8] {
    Array(messages.map { $0.text }.joined(separator: "\n").utf8)
  }

  /// Half of what systemd allows between two signs of life; `nil` when it does not watch us.
  ///
  /// `WATCHDOG_PID`, where it is set, has to be this process, sd_watchdog_enabled(3).
  static func watchdogInterval(
    microseconds: String?, watched: String?, process: Int32
  ) -> Duration? {
    guard let microseconds, let number = Int64(microseconds), number > 0,
      number <= .max / 1000
    else { return nil }
    if let watched, watched != String(process) { return nil }
    return .nanoseconds(number * 1000 / 2)
  }

  /// An absolute path, or `@name`: an abstract name, here without uWSGI's NUL at its end.
  private static func address(_ path: String) -> SocketAddress? {
    guard path.hasPrefix("@") else {
      return path.hasPrefix("/") ? SocketAddress(unixPath: path) : nil
    }
    guard let padded = SocketAddress(unixPath: path), path.utf8.count > 1 else { return nil }
    return SocketAddress(kernelBytes: Array(padded.bytes.dropLast()))
  }
}
