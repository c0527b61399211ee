import TestSupport
import Testing

@Suite("Files of other servers that nobody meant to be imported")
struct MigrationPropertyTests {
  @Test func `what holds for every input holds for those that fuzzers begin with or found`() throws
  {
    let files = RepositoryFiles.list("Tests/Corpora/Migration")
    #expect(files.count > 10)
    for file in files {
      let input = try #require(RepositoryFiles.read(file))
      #expect(ParserProperties.migration(input) == nil, "\(file)")
    }
  }

  @Test
  func `whatever the files say a configuration comes out that loads or a reason why none does`() {
    for input in FuzzInputs(seed: 20, count: 3000, bytesMax: 400) {
      if let complaint = ParserProperties.migration(input) {
        Issue.record("\(complaint)\nfor \(input)")
        return
      }
    }
  }
}
