internal import CBrotliDecoder
internal import CZstd
package import HTTPCore

/// Reads compressed bodies as far as they have come, with the decoders of other people.
package enum Decompression {
  /// `nil` where it is no stream of this coding, or something follows it.
  package static func read(_ coding: ContentCoding, _ input: [UInt8]) -> Gunzip.Result? {
    switch coding {
    case .gzip: Gunzip.read(input)
    case .brotli: brotli(input)
    case .zstd: zstd(input)
    case .identity, .deflate: nil
    }
  }

  private static func brotli(_ input: [UInt8]) -> Gunzip.Result? {
    let decoder = unsafe BrotliDecoderCreateInstance(nil, nil, nil)
    defer { unsafe BrotliDecoderDestroyInstance(decoder) }
    var output: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 64 * 1024)
    // SAFETY: both arrays outlive the calls, which get their addresses anew.
    return unsafe input.withUnsafeBufferPointer { source in
      var left = source.count
      var next = source.baseAddress
      while true {
        let space = piece.count
        var unused = space
        let result = unsafe piece.withUnsafeMutableBufferPointer { target in
          var place = target.baseAddress
          return unsafe BrotliDecoderDecompressStream(
            decoder, &left, &next, &unused, &place, nil)
        }
        output += piece.prefix(space - unused)
        switch result {
        case BROTLI_DECODER_RESULT_SUCCESS:
          return left == 0 ? Gunzip.Result(bytes: output, isComplete: true) : nil
        case BROTLI_DECODER_RESULT_NEEDS_MORE_INPUT:
          // It says so too while there was no space for all that it has.
          if unsafe BrotliDecoderHasMoreOutput(decoder) != 0 { continue }
          return Gunzip.Result(bytes: output, isComplete: false)
        case BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT: continue
        default: return nil
        }
      }
    }
  }

  private static func zstd(_ input: [UInt8]) -> Gunzip.Result? {
    let decoder = unsafe ZSTD_createDCtx()
    defer { unsafe ZSTD_freeDCtx(decoder) }
    // What browsers allow, RFC 9659 §3.
    _ = unsafe ZSTD_DCtx_setParameter(decoder, ZSTD_d_windowLogMax, 23)
    var output: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 64 * 1024)
    var read = 0
    // SAFETY: both arrays outlive the calls, which get their addresses anew.
    return unsafe input.withUnsafeBytes { source in
      while true {
        var given = unsafe ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: read)
        let (result, count) = unsafe piece.withUnsafeMutableBytes { target in
          var space = unsafe ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
          let result = unsafe ZSTD_decompressStream(decoder, &space, &given)
          return unsafe (result, space.pos)
        }
        guard ZSTD_isError(result) == 0 else { return nil }
        read = unsafe given.pos
        output += piece.prefix(count)
        if result == 0 {
          return read == source.count ? Gunzip.Result(bytes: output, isComplete: true) : nil
        }
        if read == source.count, count < piece.count {
          return Gunzip.Result(bytes: output, isComplete: false)
        }
      }
    }
  }
}
