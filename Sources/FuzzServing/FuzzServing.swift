import CFuzzer
import EventLoop

/// One input of libFuzzer's; the program ends where clients, instances or the worker complain.
@c(LLVMFuzzerTestOneInput)
public func fuzzOne(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  // SAFETY: libFuzzer keeps the input until this function returns; it is copied here.
  let input = unsafe Array(UnsafeBufferPointer(start: start, count: count))
  do {
    let files = try FuzzServing.files.get()
    if let complaint = ServingFuzz.run(input, files: files) {
      _ = ServingFuzz.run(input, files: files) { line in
        _ = Descriptor.write(2, Array((line + "\n").utf8).span)
      }
      fatalError(complaint)
    }
  } catch {
    fatalError("\(error)")
  }
  return 0
}

@main
enum FuzzServing {
  static let files = Result { try ServingFuzz.makeFiles() }

  static func main() {
    var count = CommandLine.argc
    var arguments =
      unsafe CommandLine.unsafeArgv as UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
    // SAFETY: the arguments live as long as the process.
    _ = unsafe LLVMFuzzerRunDriver(&count, &arguments, fuzzOne)
  }
}
