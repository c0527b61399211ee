import TestSupport
import Testing

@Suite("Inputs that are read as choices, the same in every run")
struct StructuredInputTests {
  @Test(
    arguments: [
      ("lists of header fields", ParserProperties.fieldLists),
      ("heads of answers", ParserProperties.responseSerializer),
      ("dates", ParserProperties.dates),
    ] as [(String, @Sendable ([UInt8]) -> String?)])
  func `what holds for every input holds for some thousands`(
    of what: String, check: @Sendable ([UInt8]) -> String?
  ) {
    for (number, input) in FuzzInputs(seed: 1, count: 2000, bytesMax: 200).enumerated() {
      guard let complaint = check(input) else { continue }
      Issue.record("\(what), input \(number), \(input): \(complaint)")
      return
    }
  }
}
