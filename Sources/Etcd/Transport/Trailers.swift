internal import HTTPCore

extension GRPCStatus {
  /// The status among trailers, or in a head that has no messages after it; `nil` where there is none.
  init?(_ fields: [ClientSession.Field]) {
    guard let code = fields.first(where: { $0.name == "grpc-status" }) else { return nil }
    let message = fields.first { $0.name == "grpc-message" }
    self.init(code: Array(code.value.utf8), message: Array((message?.value ?? "").utf8))
  }

  /// The mistake in the head of an answer that is none of gRPC; `nil` where there is none.
  static func refusal(ofHead fields: [ClientSession.Field]) -> String? {
    let status = fields.first { $0.name == ":status" }?.value ?? ""
    guard status == "200" else { return "HTTP status \(status)" }
    let type = fields.first { $0.name == "content-type" }?.value ?? ""
    guard type.hasPrefix("application/grpc") else { return "it is not gRPC but '\(type)'" }
    return nil
  }
}
