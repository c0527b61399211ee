/// The memory that all wires of a loop read into, one after the other.
package final class ReadingBlock {
  private var block: [UInt8] = []
  private static let bytes = 64 << 10

  package init() {}

  func take() -> [UInt8] {
    var taken: [UInt8] = []
    swap(&taken, &block)
    return taken.isEmpty ? [UInt8](repeating: 0, count: Self.bytes) : taken
  }

  func give(_ block: consuming [UInt8]) { self.block = block }
}

@available(*, unavailable) extension ReadingBlock: Sendable {}
