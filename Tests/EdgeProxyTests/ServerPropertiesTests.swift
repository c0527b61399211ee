import TestSupport
import Testing

@Suite("What holds of the server's parts for every input")
struct ServerPropertiesTests {
  @Test(
    arguments: [
      ("announcements", ServerProperties.announcements),
      ("lists of header fields", ServerProperties.fieldLists),
      ("times of log lines", ServerProperties.logTimes), ("the zone", ServerProperties.zone),
    ] as [(String, @Sendable ([UInt8]) -> String?)])
  func `it holds for some thousands of one seed`(
    what: String, check: @Sendable ([UInt8]) -> String?
  ) {
    for (number, input) in FuzzInputs(seed: 1, count: 2000, bytesMax: 200).enumerated() {
      guard let complaint = check(input) else { continue }
      Issue.record("\(what), input \(number), \(input): \(complaint)")
      return
    }
  }

  @Test(
    arguments: [
      ("Announcements", ServerProperties.announcements),
      ("FieldLists", ServerProperties.fieldLists), ("Dates", ServerProperties.logTimes),
      ("DNS", ServerProperties.zone),
    ] as [(String, @Sendable ([UInt8]) -> String?)])
  func `it holds for what fuzzers begin with or found`(
    name: String, check: @Sendable ([UInt8]) -> String?
  ) throws {
    let files = RepositoryFiles.list("Tests/Corpora/\(name)")
    #expect(files.count > 10)
    for file in files {
      let input = try #require(RepositoryFiles.read(file))
      #expect(check(input) == nil, "\(file)")
    }
  }
}
