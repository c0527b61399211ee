/// Why a message was refused, with the status that answers it when a client sent it.
package enum HTTPError: Error, Equatable, Sendable {
  /// The client speaks TLS where plain HTTP is spoken.
  case tlsInsteadOfHTTP
  case requestLineMalformed
  case requestLineTooLong(limit: Int)
  case versionMalformed
  case versionUnsupported
  case methodUnsupported
  case methodTooLong(limit: Int)
  case protocolUnsupported
  case targetMalformed
  case targetClimbs
  case lineEndMalformed
  case fieldMalformed
  case fieldFolded
  case headTooLarge(limit: Int)
  case tooManyFields(limit: Int)
  case hostMalformed
  case hostRepeated
  case hostContradictsTarget
  case contentLengthMalformed
  case contentLengthRepeated
  case lengthAndChunked
  case transferEncodingMalformed
  case transferEncodingUnsupported
  case transferEncodingInOldVersion
  case tooManyNominations(limit: Int)
  case expectationUnsupported
  case chunkMalformed
  case chunkExtensionTooLong(limit: Int)
  case trailerMalformed
  case trailerTooLarge(limit: Int)
  case statusLineMalformed
  case responseHeadTooLarge(limit: Int)
  case blockTooLarge(bytes: Int, limit: Int)
  case tooManyVariables(count: Int, limit: Int)

  package var status: Int {
    switch self {
    case .requestLineTooLong: 414
    case .headTooLarge, .tooManyFields, .tooManyNominations, .blockTooLarge, .tooManyVariables: 431
    case .versionUnsupported: 505
    case .methodUnsupported, .methodTooLong, .protocolUnsupported, .transferEncodingUnsupported: 501
    case .expectationUnsupported: 417
    case .statusLineMalformed, .responseHeadTooLarge: 502
    default: 400
    }
  }

  /// A word for logs, the same for ever.
  package var reason: StaticString {
    switch self {
    case .tlsInsteadOfHTTP: "tls-instead-of-http"
    case .requestLineMalformed: "request-line-malformed"
    case .requestLineTooLong: "request-line-too-long"
    case .versionMalformed: "version-malformed"
    case .versionUnsupported: "version-unsupported"
    case .methodUnsupported: "method-unsupported"
    case .methodTooLong: "method-too-long"
    case .protocolUnsupported: "protocol-unsupported"
    case .targetMalformed: "target-malformed"
    case .targetClimbs: "target-climbs"
    case .lineEndMalformed: "line-end-malformed"
    case .fieldMalformed: "field-malformed"
    case .fieldFolded: "field-folded"
    case .headTooLarge: "head-too-large"
    case .tooManyFields: "too-many-fields"
    case .hostMalformed: "host-malformed"
    case .hostRepeated: "host-repeated"
    case .hostContradictsTarget: "host-contradicts-target"
    case .contentLengthMalformed: "content-length-malformed"
    case .contentLengthRepeated: "content-length-repeated"
    case .lengthAndChunked: "length-and-chunked"
    case .transferEncodingMalformed: "transfer-encoding-malformed"
    case .transferEncodingUnsupported: "transfer-encoding-unsupported"
    case .transferEncodingInOldVersion: "transfer-encoding-in-http10"
    case .tooManyNominations: "too-many-nominations"
    case .expectationUnsupported: "expectation-unsupported"
    case .chunkMalformed: "chunk-malformed"
    case .chunkExtensionTooLong: "chunk-extension-too-long"
    case .trailerMalformed: "trailer-malformed"
    case .trailerTooLarge: "trailer-too-large"
    case .statusLineMalformed: "status-line-malformed"
    case .responseHeadTooLarge: "response-head-too-large"
    case .blockTooLarge: "request-block-too-large"
    case .tooManyVariables: "too-many-variables"
    }
  }

  /// The number that was sent and the limit, where a limit in bytes or in fields was passed.
  package var limit: (sent: Int?, limit: Int)? {
    switch self {
    case .requestLineTooLong(let limit), .methodTooLong(let limit), .headTooLarge(let limit),
      .tooManyFields(let limit), .tooManyNominations(let limit),
      .chunkExtensionTooLong(let limit), .trailerTooLarge(let limit),
      .responseHeadTooLarge(let limit):
      (nil, limit)
    case .blockTooLarge(let bytes, let limit): (bytes, limit)
    case .tooManyVariables(let count, let limit): (count, limit)
    default: nil
    }
  }
}
