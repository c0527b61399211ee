import CFuzzer
import TestSupport

/// One input of libFuzzer's; the program ends where `ParserProperties.acme` does not hold.
@c(LLVMFuzzerTestOneInput)
public func fuzzOne(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  // SAFETY: libFuzzer keeps the input until this function returns; it is copied here.
  let input = unsafe Array(UnsafeBufferPointer(start: start, count: count))
  if let complaint = ParserProperties.migration(input) { fatalError(complaint) }
  return 0
}

@main
enum FuzzMigration {
  static func main() {
    var count = CommandLine.argc
    var arguments =
      unsafe CommandLine.unsafeArgv as UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
    // SAFETY: the arguments live as long as the process.
    _ = unsafe LLVMFuzzerRunDriver(&count, &arguments, fuzzOne)
  }
}
