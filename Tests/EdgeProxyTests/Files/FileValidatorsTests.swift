import EventLoop
import HTTPCore
import Testing

@testable import EdgeProxy

@Suite("What a file is compared by")
struct FileValidatorsTests {
  private func facts(modified: Int64, changed: Int64) -> FileFacts {
    FileFacts(
      kind: .file, bytesCount: 27, modifiedSeconds: modified, modifiedNanoseconds: 0,
      changedNanoseconds: changed)
  }

  @Test(arguments: [-1, 0, 1, 315_532_800, 499_162_500] as [Int64])
  func `a time that every build gives tells nothing of the content`(modified: Int64) {
    let first = facts(modified: modified, changed: 1_795_000_000_000_000_000).validators(.identity)
    let second = facts(modified: modified, changed: 1_795_000_000_000_000_001).validators(.identity)
    #expect(first.modified == nil)
    #expect(first.tag != second.tag)
    #expect(
      first == facts(modified: modified, changed: 1_795_000_000_000_000_000).validators(.identity))
  }

  @Test func `any other time does, on every server of a fleet`() {
    let one = facts(modified: 1_700_000_000, changed: 1).validators(.identity)
    let other = facts(modified: 1_700_000_000, changed: 2).validators(.identity)
    #expect(one == other)
    #expect(one.modified == 1_700_000_000)
  }
}
