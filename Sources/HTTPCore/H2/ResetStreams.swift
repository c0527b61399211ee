/// Streams that we have reset or never took: the client may have sent more on them before it heard of
/// that.
struct ResetStreams {
  private var latest: [Int32] = []
  /// Where the next one goes once there is no more room.
  private var oldest = 0
  /// The highest of those that were forgotten: below it nothing is sure.
  private var forgotten: Int32 = 0

  mutating func add(_ stream: Int32) {
    guard latest.count >= FixedLimits.resetsRemembered else { return latest.append(stream) }
    if oldest >= latest.count { oldest = 0 }
    forgotten = max(forgotten, latest[oldest])
    latest[oldest] = stream
    oldest += 1
  }

  /// Whether the stream may be one of them.
  func mayHave(_ stream: Int32) -> Bool { stream <= forgotten || latest.contains(stream) }
}
