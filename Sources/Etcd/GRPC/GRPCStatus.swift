/// How a call ended: a code and what the server has to say about it.
package struct GRPCStatus: Error, Equatable, Sendable, CustomStringConvertible {
  package enum Code: Int, Sendable, CaseIterable {
    case ok = 0
    case cancelled = 1
    case unknown = 2
    case invalidArgument = 3
    case deadlineExceeded = 4
    case notFound = 5
    case alreadyExists = 6
    case permissionDenied = 7
    case resourceExhausted = 8
    case failedPrecondition = 9
    case aborted = 10
    case outOfRange = 11
    case unimplemented = 12
    case `internal` = 13
    case unavailable = 14
    case dataLoss = 15
    case unauthenticated = 16

    /// As in the documents of gRPC: `PERMISSION_DENIED`.
    package var name: String {
      switch self {
      case .ok: "OK"
      case .cancelled: "CANCELLED"
      case .unknown: "UNKNOWN"
      case .invalidArgument: "INVALID_ARGUMENT"
      case .deadlineExceeded: "DEADLINE_EXCEEDED"
      case .notFound: "NOT_FOUND"
      case .alreadyExists: "ALREADY_EXISTS"
      case .permissionDenied: "PERMISSION_DENIED"
      case .resourceExhausted: "RESOURCE_EXHAUSTED"
      case .failedPrecondition: "FAILED_PRECONDITION"
      case .aborted: "ABORTED"
      case .outOfRange: "OUT_OF_RANGE"
      case .unimplemented: "UNIMPLEMENTED"
      case .internal: "INTERNAL"
      case .unavailable: "UNAVAILABLE"
      case .dataLoss: "DATA_LOSS"
      case .unauthenticated: "UNAUTHENTICATED"
      }
    }
  }

  /// What we keep of a message, in bytes after decoding.
  package static let messageBytesMax = 1024

  package let code: Code
  package let message: String

  package init(_ code: Code, _ message: String = "") {
    self.code = code
    self.message = message
  }

  /// Reads the values of `grpc-status` and `grpc-message`.
  ///
  /// A number that is no code is `unknown`, as the documents of gRPC ask.
  package init(code: [UInt8], message: [UInt8]) {
    self.code = Self.code(code) ?? .unknown
    self.message = Self.decoded(message)
  }

  package var isOK: Bool { code == .ok }

  package var description: String { message.isEmpty ? code.name : "\(message) (\(code.name))" }

  private static func code(_ digits: [UInt8]) -> Code? {
    guard (1...2).contains(digits.count), digits.allSatisfy({ (48...57).contains($0) }) else {
      return nil
    }
    return Code(rawValue: digits.reduce(0) { $0 * 10 + Int($1) - 48 })
  }

  /// Resolves percent escapes.
  ///
  /// An escape that is none stays as it is; what cannot be shown on one line becomes a space, for
  /// this ends in a log.
  static func decoded(_ encoded: [UInt8]) -> String {
    var bytes: [UInt8] = []
    var rest = encoded[...]
    while let byte = rest.popFirst(), bytes.count < messageBytesMax {
      if byte == UInt8(ascii: "%"), let value = hexadecimal(rest.prefix(2)) {
        rest = rest.dropFirst(2)
        bytes.append(value)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes.map { $0 < 0x20 || $0 == 0x7f ? 0x20 : $0 }, as: UTF8.self)
  }

  private static func hexadecimal(_ digits: ArraySlice<UInt8>) -> UInt8? {
    guard digits.count == 2 else { return nil }
    var value: UInt8 = 0
    for digit in digits {
      switch digit {
      case 48...57: value = value << 4 | (digit - 48)
      case 65...70, 97...102: value = value << 4 | ((digit | 0x20) - 87)
      default: return nil
      }
    }
    return value
  }
}
