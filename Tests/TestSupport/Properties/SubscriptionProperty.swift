internal import HTTPCore

extension ParserProperties {
  /// What is read of a subscription is within its bounds, and nothing counts behind a signature.
  package static func subscription(_ input: [UInt8]) -> String? {
    guard let read = try? SubscriptionDatagram(input.span) else { return nil }
    guard input.count <= SubscriptionDatagram.bytesMax else { return "too long and read" }
    let names = 1...SubscriptionDatagram.nameBytesMax
    guard names.contains(read.key.count), names.contains(read.address.count) else {
      return "a name out of bounds"
    }
    guard read.signedRange.lowerBound == 4, read.signedRange.upperBound <= input.count else {
      return "a signed range out of bounds"
    }
    if let signature = read.signature {
      let behind = input.count - read.signedRange.upperBound
      guard behind == 2 + 4 + 2 + signature.count else { return "something behind the signature" }
    } else if read.signedRange.upperBound != input.count {
      return "something left out"
    }
    let longer = input + [0]
    guard (try? SubscriptionDatagram(longer.span)) == nil else { return "a byte more is no matter" }
    return nil
  }
}
