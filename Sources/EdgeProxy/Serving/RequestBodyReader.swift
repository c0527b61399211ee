internal import EventLoop
internal import HTTPCore

/// Why a request cannot be taken further.
enum RequestBodyFailure: Error {
  case head(HTTPError)
  case framing(HTTPError)
  case tooLarge(limit: Int)
  case storage(SystemError)
  case headTimeout
  case bodyTimeout
  /// The port speaks HTTPS, the client does not.
  case notTLS
}

/// Takes a request body out of its framing and into the exchange.
struct RequestBodyReader {
  private enum Framing {
    case length(remaining: UInt64)
    case chunked(ChunkedDecoder)
  }

  private var framing: Framing

  /// `nil` where the request has no body.
  init?(_ framing: BodyFraming) {
    switch framing {
    case .none, .length(0): return nil
    case .length(let count): self.framing = .length(remaining: count)
    case .chunked: self.framing = .chunked(ChunkedDecoder())
    }
  }

  /// Takes what is there; `true` once the body is complete.
  mutating func read(
    _ input: inout ByteBuffer, into exchange: Exchange
  ) throws(RequestBodyFailure) -> Bool {
    switch framing {
    case .length(let remaining):
      let count = Int(min(remaining, UInt64(input.count)))
      try exchange.receiveBody(input.readable.extracting(0..<count))
      input.consume(count)
      framing = .length(remaining: remaining - UInt64(count))
      return remaining == UInt64(count)
    case .chunked(var decoder):
      defer { framing = .chunked(decoder) }
      return try readChunks(&decoder, &input, into: exchange)
    }
  }

  private func readChunks(
    _ decoder: inout ChunkedDecoder, _ input: inout ByteBuffer, into exchange: Exchange
  ) throws(RequestBodyFailure) -> Bool {
    while true {
      let step: ChunkedDecoder.Step
      do throws(HTTPError) {
        step = try decoder.next(input.readable)
      } catch {
        throw .framing(error)
      }
      switch step {
      case .more(let consumed):
        input.consume(consumed)
        return false
      case .data(let skip, let count):
        try exchange.receiveBody(input.readable.extracting(skip..<(skip + count)))
        input.consume(skip + count)
      case .end(let consumed):
        input.consume(consumed)
        return true
      }
    }
  }
}
