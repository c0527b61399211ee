/// What the last good answers may take of this machine.
package struct StaleSettings: Sendable, Equatable {
  package var memoryBytes = 64 << 20
  package var diskBytes = 1 << 30
  /// Of one answer with its head.
  package var objectBytesMax = 1 << 20

  package init() {}
}

/// Reads what is kept of answers, and for how long.
struct StaleReader {
  let context: ReadingContext

  func read(_ section: Section) -> StaleSettings {
    var settings = StaleSettings()
    settings.memoryBytes = section.size("memory")
    settings.diskBytes = section.size("disk")
    settings.objectBytesMax = section.size("object_max")
    let most = settings.memoryBytes / 4
    if settings.objectBytesMax > most {
      context.findings.error(
        section.position(of: section.isGiven("object_max") ? "object_max" : "memory"),
        "'object_max' of \(ByteSize.text(settings.objectBytesMax)) is more than a quarter of 'memory',"
          + " here \(ByteSize.text(most)): one answer would take the place of all others")
    }
    return settings
  }

  /// How long the last good answer of a route may be given; `nil` where none is kept.
  static func limit(_ route: Section) -> Duration? {
    guard route.isGiven("stale_if_error") else { return nil }
    let limit = route.duration("stale_if_error")
    return limit > .zero ? limit : nil
  }
}
