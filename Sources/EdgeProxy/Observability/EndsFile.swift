internal import CertStore
internal import EventLoop
internal import Glibc
internal import HTTPCore
internal import Logging

/// The file in which a process finds how those before it ended, and leaves how it does itself.
final class EndsFile {
  let past: PastEnds
  private let file: FileDescriptor

  /// A file is no longer than this, in bytes; a line of the log has 4096.
  private static let bytesMax = 64 * 1024

  /// The runtime directory of the unit, which is there until the machine stops; else the state's.
  static func directory(state: String, environment: [String: String]) -> String {
    let runtime = environment["RUNTIME_DIRECTORY"]?.split(separator: ":").first
    return runtime.map(String.init) ?? state
  }

  /// Reads what is there and begins the file anew; `nil` where another process has it.
  init?(in directory: String, boot: String) throws(SystemError) {
    // SAFETY: paths are C strings for the length of each call.
    _ = unsafe mkdir(directory, 0o700)
    let flags = O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW
    let raw = unsafe open(directory + "/ends", flags, 0o600)
    guard raw >= 0 else { throw SystemError("open") }
    let file = FileDescriptor(owning: raw)
    // The kernel gives the lock back with the process, however that ends.
    if flock(raw, LOCK_EX | LOCK_NB) != 0 {
      guard errno == EWOULDBLOCK else { throw SystemError("flock") }
      return nil
    }
    let known = try WholeFile.read(raw, bytesMax: Self.bytesMax)
    past = PastEnds(text: String(decoding: known, as: UTF8.self), boot: boot)
    guard ftruncate(raw, 0) == 0 else { throw SystemError("ftruncate") }
    try Self.append(past.text(boot: boot), to: raw)
    self.file = file
  }

  /// For the signal handler.
  var descriptor: Int32 { file.raw }

  /// The process ends as it should.
  func stopped() { try? Self.append("stopped\n", to: file.raw) }

  private static func append(_ text: String, to raw: Int32) throws(SystemError) {
    let bytes = Array(text.utf8)
    guard case .bytes(bytes.count) = Descriptor.write(raw, bytes.span) else {
      throw SystemError("write")
    }
  }

  /// What the kernel calls this run of the machine; empty where the unit hides it.
  static func boot() -> String {
    let bytes = try? WholeFile.read("/proc/sys/kernel/random/boot_id", bytesMax: 64)
    let text = String(decoding: bytes ?? [], as: UTF8.self)
    return String(text.prefix { $0 != "\n" })
  }
}

extension EndsFile {
  /// The file for this server; what is in the way is told, and no reason not to serve.
  static func begin(in directory: String, logger: Logger) -> EndsFile? {
    do throws(SystemError) {
      let file = try EndsFile(in: directory, boot: boot())
      if file == nil {
        logger.warning(
          "another process keeps the count of crashes", metadata: ["directory": "\(directory)"])
      }
      if let file, file.past.isAfterKill {
        logger.warning("the process before this one was killed, or ended without a word")
      }
      return file
    } catch {
      logger.warning(
        "crashes cannot be counted",
        metadata: ["directory": "\(directory)", "error": "\(error)"])
      return nil
    }
  }
}
