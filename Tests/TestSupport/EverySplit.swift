/// Feeds an input to a parser whole, cut in two at every byte, and byte by byte.
///
/// Where the network happens to cut a message must never change what it means.
package enum EverySplit {
  package struct Result<Outcome: Equatable> {
    /// What came out of the input in one piece.
    package let whole: Outcome
    /// The ends of the first pieces after which something else came out; -1 is byte by byte.
    package let differing: [Int]
  }

  /// Runs `parse` once for every way to cut.
  ///
  /// It is given the ends of the pieces in ascending order; the last is the end of the input.
  /// `cuts` are all places unless the input is too long for that.
  package static func feed<Outcome: Equatable>(
    _ input: [UInt8], cuts: [Int]? = nil, _ parse: (_ input: [UInt8], _ ends: [Int]) -> Outcome
  ) -> Result<Outcome> {
    let whole = parse(input, [input.count])
    var differing = (cuts ?? Array(0..<input.count)).filter { cut in
      cut < input.count && parse(input, [cut, input.count]) != whole
    }
    if cuts == nil, !input.isEmpty, parse(input, Array(1...input.count)) != whole {
      differing.append(-1)
    }
    return Result(whole: whole, differing: differing)
  }
}
