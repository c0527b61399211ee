internal import CertStore
internal import EventLoop

/// What one server without etcd knows of its records, as files of its own.
///
///     STATE/records/lock     locked by the process that changes them
///     STATE/records/state    `RecordState`
final class LocalRecords: RecordStore {
  private let loop: EventLoop
  private let node: String
  private let directory: PrivateDirectory
  private var lock: FileDescriptor?
  private(set) var text: [UInt8]?
  private(set) var failure: String?
  var changed: () -> Void = {}

  private static let lockName = "lock"
  private static let stateName = "state"

  init(state: String, node: String, on loop: EventLoop) {
    self.loop = loop
    self.node = node
    directory = PrivateDirectory(path: "\(state)/records")
    begin()
  }

  var isHolder: Bool { lock != nil }
  var holder: String? { isHolder ? node : nil }

  /// Reads what is there, once it is this process's turn: another may still be ending.
  private func begin() {
    do throws(CopyError) {
      try directory.prepare()
      guard let lock = try directory.lock(Self.lockName) else {
        failure = "another process has \(directory.path(Self.lockName)) locked"
        return
      }
      directory.removeLeftovers()
      text = try directory.read(Self.stateName, bytesMax: RecordState.bytesMax)
      self.lock = consume lock
      failure = nil
    } catch {
      failure = "\(error)"
    }
  }

  func everySecond() {
    guard lock == nil else { return }
    begin()
    if lock != nil { changed() }
  }

  func write(_ text: [UInt8], _ done: @escaping (RecordStoreFailure?) -> Void) {
    guard isHolder else { return loop.soon { done(.fencedOff) } }
    do throws(CopyError) {
      try directory.write(Self.stateName, text)
      try directory.sync()
      self.text = text
      loop.soon { done(nil) }
    } catch {
      let reason = "\(error)"
      loop.soon { done(.failed(reason)) }
    }
  }

  func end() { lock = nil }

  var isOver: Bool { true }
}

@available(*, unavailable) extension LocalRecords: Sendable {}
