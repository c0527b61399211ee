import TestSupport
import Testing

@testable import EdgeProxy

@Suite("Variables in a file, systemd.exec(5)")
struct EnvironmentFileTests {
  private func read(_ text: String) throws -> [String: String] {
    try EnvironmentFile(Array(text.utf8)).variables
  }

  @Test func `plain values keep the white space within and lose that around them`() throws {
    let text = "A=1\n  B = two  words \t\r\nC=\nD=a=b\n_e2=it's \"quoted\"\nF=last"
    #expect(
      try read(text) == [
        "A": "1", "B": "two  words", "C": "", "D": "a=b", "_e2": "it's \"quoted\"", "F": "last",
      ])
  }

  @Test func `comments, empty lines and lines without = are passed over`() throws {
    let text = "\n# A=1\n; B=2\n  # C=3\nno variable\n# goes on \\\nD=4\nE=5 # of the value\n"
    #expect(try read(text) == ["E": "5 # of the value"])
  }

  @Test(arguments: [
    (#"A=a\ b\\c\"d"#, #"a b\c"d"#),
    ("A=one\\\ntwo", "onetwo"),
    (#"A='a \ "b" $c'"#, #"a \ "b" $c"#),
    ("A='one\ntwo'", "one\ntwo"),
    (#"A="a \"b\" \$c \\ \` \n""#, #"a "b" $c \ ` \n"#),
    ("A=\"one\\\ntwo\nthree\"", "onetwo\nthree"),
    ("A=  ' spaced '  ", " spaced "),
    (#"A="one"'two'three"#, "onetwothree"),
    ("A=ends\\ ", "ends "),
  ])
  func `backslashes and quotes are those of a shell`(_ text: String, _ value: String) throws {
    #expect(try read(text) == ["A": value])
    #expect(try read(text + "\nB=2\n") == ["A": value, "B": "2"])
  }

  @Test func `the last value of a name counts`() throws {
    #expect(try read("A=1\nA=2\n") == ["A": "2"])
  }

  @Test func `what is no name is told with its line`() {
    #expect(throws: EnvironmentFileError.name(line: 2)) { try read("A=1\nexport B=2\n") }
    #expect(throws: EnvironmentFileError.name(line: 1)) { try read("1A=1") }
    #expect(throws: EnvironmentFileError.name(line: 3)) { try read("\n\n=1") }
    #expect("\(EnvironmentFileError.name(line: 2))".contains("line 2"))
  }

  @Test func `a quote without an end is told with the line where it begins`() {
    #expect(throws: EnvironmentFileError.openQuote(line: 2)) { try read("A=1\nB='2\nC=3\n") }
    #expect(throws: EnvironmentFileError.openQuote(line: 1)) { try read("A=\"1\\") }
  }

  @Test func `what is no text, or too large, is refused`() {
    #expect(throws: EnvironmentFileError.notText) { try EnvironmentFile([65, 61, 0xff]) }
    #expect(throws: EnvironmentFileError.notText) { try EnvironmentFile([65, 61, 0]) }
    let much = [UInt8](repeating: 10, count: EnvironmentFile.bytesMax + 1)
    #expect(throws: EnvironmentFileError.tooLarge) { try EnvironmentFile(much) }
  }

  @Test func `every beginning of a file is read or refused`() {
    let text = Array("# c\\\nA=a\\b\r\nB=\"x\\$\"'y' z \n;\n\tC = \\\n".utf8)
    for count in 0...text.count { _ = try? EnvironmentFile(Array(text[..<count])) }
  }
}
