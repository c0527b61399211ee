internal import EventLoop
internal import Glibc
internal import Logging

/// Where bodies that are too large for memory lie while they are needed, without a name.
enum SpoolDirectory {
  /// The state directory if files can be made there, else a temporary one: uploads must work even
  /// where the state cannot be kept.
  static func prepare(_ state: String, logger: Logger) -> String {
    let wanted = state + "/spool"
    // SAFETY: paths are C strings for the length of each call.
    _ = unsafe mkdir(state, 0o700)
    _ = unsafe mkdir(wanted, 0o700)
    do throws(SystemError) {
      _ = try Descriptor.unnamedFile(in: wanted)
      return wanted
    } catch {
      let fallback = "/tmp"
      logger.warning(
        "no files can be made in the state directory",
        metadata: ["directory": "\(wanted)", "error": "\(error)", "instead": "\(fallback)"])
      return fallback
    }
  }
}
