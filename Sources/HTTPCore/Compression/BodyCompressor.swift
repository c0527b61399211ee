/// A compressor could not go on: its memory is gone or was overwritten.
package struct CompressionFailed: Error {}

/// What has to come out of a compressor besides what is ready anyway.
package enum CompressionFlush: Sendable {
  case nothing
  /// Everything that went in, so that the reader can have it; costs a few bytes.
  case pause
  /// Everything, and the end of the stream.
  case end
}

/// What one call of a compressor came to.
package struct CompressionStep: Sendable {
  package var consumed: Int
  package var produced: Int
  /// All that was asked for is out; otherwise there was no space for it.
  package var isComplete: Bool
}

/// How hard each coding tries: from fast to small, on scales of their own.
package struct CompressionLevels: Sendable, Equatable {
  /// 1 to 9.
  package var gzip: Int
  /// 1 to 7.
  package var brotli: Int
  /// 1 to 9.
  package var zstd: Int

  package init(gzip: Int, brotli: Int, zstd: Int) {
    self.gzip = gzip
    self.brotli = brotli
    self.zstd = zstd
  }

  package subscript(_ coding: ContentCoding) -> Int {
    switch coding {
    case .brotli: brotli
    case .zstd: zstd
    case .gzip, .deflate, .identity: gzip
    }
  }
}

/// One body on its way through the coding that was chosen for it.
///
/// Spans go in, and bytes come out whenever the library likes. Windows are bounded, so that a decoder needs
/// no more than 128 KiB: RFC 9659 allows zstd 8 MiB.
package enum BodyCompressor {
  case gzip(GzipCompressor)
  case brotli(BrotliCompressor)
  case zstd(ZstdCompressor)

  /// `nil` where there is no memory, and for codings that nothing is sent in.
  package init?(_ coding: ContentCoding, level: Int) {
    switch coding {
    case .gzip:
      guard let made = GzipCompressor(level: level) else { return nil }
      self = .gzip(made)
    case .brotli:
      guard let made = BrotliCompressor(level: level) else { return nil }
      self = .brotli(made)
    case .zstd:
      guard let made = ZstdCompressor(level: level) else { return nil }
      self = .zstd(made)
    case .identity, .deflate: return nil
    }
  }

  package var coding: ContentCoding {
    switch self {
    case .gzip: .gzip
    case .brotli: .brotli
    case .zstd: .zstd
    }
  }

  package var level: Int {
    switch self {
    case .gzip(let compressor): compressor.level
    case .brotli(let compressor): compressor.level
    case .zstd(let compressor): compressor.level
    }
  }

  /// Bytes went in that may not have come out.
  package var isHoldingBack: Bool {
    switch self {
    case .gzip(let compressor): compressor.isHoldingBack
    case .brotli(let compressor): compressor.isHoldingBack
    case .zstd(let compressor): compressor.isHoldingBack
    }
  }

  /// What a compressor of this coding takes at most, whatever goes in.
  package static func memoryBytes(_ coding: ContentCoding) -> Int {
    switch coding {
    case .gzip: GzipCompressor.memoryBytes
    case .brotli: BrotliCompressor.memoryBytes
    case .zstd: ZstdCompressor.memoryBytes
    case .identity, .deflate: 0
    }
  }

  package var memoryBytes: Int { Self.memoryBytes(coding) }

  /// Begins another stream.
  package func reset() {
    switch self {
    case .gzip(let compressor): compressor.reset()
    case .brotli(let compressor): compressor.reset()
    case .zstd(let compressor): compressor.reset()
    }
  }

  /// Takes from `input` what it can and writes to `output`, which has more than 6 bytes.
  ///
  /// It is called again, with what is left of the input and the same `flush`, until the step is
  /// complete.
  package func compress(
    _ input: borrowing Span<UInt8>, _ flush: CompressionFlush, into output: inout MutableSpan<UInt8>
  ) throws(CompressionFailed) -> CompressionStep {
    switch self {
    case .gzip(let compressor): try compressor.compress(input, flush, into: &output)
    case .brotli(let compressor): try compressor.compress(input, flush, into: &output)
    case .zstd(let compressor): try compressor.compress(input, flush, into: &output)
    }
  }
}

@available(*, unavailable) extension BodyCompressor: Sendable {}
