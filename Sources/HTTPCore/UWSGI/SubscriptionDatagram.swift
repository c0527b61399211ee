/// What a uWSGI instance says about itself in one datagram of the subscription protocol.
///
///     224, size (16 bits, little-endian), command, { key size, key, value size, value }…
///
/// Pairs may come in any order and unknown ones are passed over; of repeated ones the last counts.
/// Sizes must be exact. Nothing here is to be believed before a policy has looked at it.
package struct SubscriptionDatagram: Equatable, Sendable {
  package enum Command: Equatable, Sendable { case announce, withdraw }

  package var command: Command
  /// What the instance wants requests for, as it was written: a host, perhaps with a port.
  package var key: [UInt8] = []
  /// Where it listens, as it was written.
  package var address: [UInt8] = []
  package var modifier1: UInt8 = 0
  package var modifier2: UInt8 = 0
  /// Requests that it works on at once; 0 where it does not say.
  package var cores = 0
  /// Connections in its listen queue.
  package var load = 0
  /// 0 where it does not say.
  package var weight = 0
  /// Above 0 for an instance that is asked only where no other is left.
  package var backup = 0
  /// Where it wants to be told that it was added; empty for nowhere.
  package var notify: [UInt8] = []
  /// Names files of this machine that are to be served as certificates.
  package var namesCertificate = false
  /// Speaks another protocol than uwsgi.
  package var isOtherProtocol = false
  /// Seconds since 1970, as signed instances write them.
  package var time: Int64?
  package var signature: [UInt8]?
  /// The bytes of the datagram that the signature is about; without one, all pairs.
  ///
  /// The command is not among them.
  package var signedRange = 0..<0

  /// What uWSGI's own server reads of a datagram; more is refused.
  package static let bytesMax = 4096
  /// The longest key and the longest address, in bytes.
  package static let nameBytesMax = 255
  static let notifyBytesMax = 102
  private static let headerBytes = 4
  private static let modifier: UInt8 = 224
  /// More than any count of workers or waiting connections.
  static let numberMax = 1_000_000_000

  private init(_ command: Command) { self.command = command }

  package init(_ datagram: borrowing Span<UInt8>) throws(SubscriptionError) {
    guard datagram.count <= Self.bytesMax else { throw .tooLong }
    guard datagram.count >= Self.headerBytes, datagram[0] == Self.modifier else {
      throw .noSubscription
    }
    guard Int(datagram[1]) | Int(datagram[2]) << 8 == datagram.count - Self.headerBytes else {
      throw .wrongSize
    }
    switch datagram[3] {
    case 0: self.init(.announce)
    case 1: self.init(.withdraw)
    default: throw .noSubscription
    }
    try readPairs(datagram)
    guard (1...Self.nameBytesMax).contains(key.count) else { throw .wrongValue }
    guard (1...Self.nameBytesMax).contains(address.count) else { throw .wrongValue }
    guard notify.count < Self.notifyBytesMax else { throw .wrongValue }
  }

  private mutating func readPairs(_ datagram: borrowing Span<UInt8>) throws(SubscriptionError) {
    var at = Self.headerBytes
    while at < datagram.count {
      // The code that verifies a signature must know that nothing behind it counts.
      guard signature == nil else { throw .signatureNotLast }
      let start = at
      let name = try Self.word(datagram, &at)
      let value = try Self.word(datagram, &at)
      if ASCII.equalsExactly(datagram.extracting(name), "sign") {
        signature = Self.copy(datagram, value)
        signedRange = Self.headerBytes..<start
      } else {
        try take(datagram.extracting(name), datagram.extracting(value))
      }
    }
    if signature == nil { signedRange = Self.headerBytes..<datagram.count }
  }

  /// Where the next key or value is; `at` moves behind it.
  private static func word(
    _ datagram: borrowing Span<UInt8>, _ at: inout Int
  ) throws(SubscriptionError) -> Range<Int> {
    guard at + 2 <= datagram.count else { throw .wrongSize }
    let start = at + 2
    let end = start + (Int(datagram[at]) | Int(datagram[at + 1]) << 8)
    guard end <= datagram.count else { throw .wrongSize }
    at = end
    return start..<end
  }

  private mutating func take(
    _ name: borrowing Span<UInt8>, _ value: borrowing Span<UInt8>
  ) throws(SubscriptionError) {
    if ASCII.equalsExactly(name, "key") {
      key = Self.copy(value, 0..<value.count)
    } else if ASCII.equalsExactly(name, "address") {
      address = Self.copy(value, 0..<value.count)
    } else if ASCII.equalsExactly(name, "modifier1") {
      modifier1 = try Self.byte(value)
    } else if ASCII.equalsExactly(name, "modifier2") {
      modifier2 = try Self.byte(value)
    } else if ASCII.equalsExactly(name, "cores") {
      cores = try Self.number(value)
    } else if ASCII.equalsExactly(name, "load") {
      load = try Self.number(value)
    } else if ASCII.equalsExactly(name, "weight") {
      weight = try Self.number(value)
    } else if ASCII.equalsExactly(name, "unix") {
      time = Int64(try Self.number(value, atMost: Int(Int64.max / 100)))
    } else {
      try takeRare(name, value)
    }
  }

  private mutating func takeRare(
    _ name: borrowing Span<UInt8>, _ value: borrowing Span<UInt8>
  ) throws(SubscriptionError) {
    if ASCII.equalsExactly(name, "backup") {
      backup = try Self.number(value)
    } else if ASCII.equalsExactly(name, "notify") {
      notify = Self.copy(value, 0..<value.count)
    } else if ASCII.equalsExactly(name, "proto") {
      isOtherProtocol = value.count > 0 && ASCII.lower(value[0]) != UInt8(ascii: "u")
    } else if ASCII.equalsExactly(name, "clear") {
      // uWSGI 2.1 says so that the address is no more.
      if try Self.number(value) > 0 { command = .withdraw }
    } else if ASCII.equalsExactly(name, "sni_key") || ASCII.equalsExactly(name, "sni_crt")
      || ASCII.equalsExactly(name, "sni_ca")
    {
      namesCertificate = true
    }
  }

  private static func copy(_ bytes: borrowing Span<UInt8>, _ range: Range<Int>) -> [UInt8] {
    var copy: [UInt8] = []
    copy.append(copying: bytes.extracting(range))
    return copy
  }

  private static func byte(_ digits: borrowing Span<UInt8>) throws(SubscriptionError) -> UInt8 {
    UInt8(try number(digits, atMost: 255))
  }

  /// Decimal digits; none are 0.
  private static func number(
    _ digits: borrowing Span<UInt8>, atMost most: Int = numberMax
  ) throws(SubscriptionError) -> Int {
    var number = 0
    for index in 0..<digits.count {
      guard ASCII.isDigit(digits[index]) else { throw .wrongValue }
      number = number * 10 + Int(digits[index] - 48)
      guard number <= most else { throw .wrongValue }
    }
    return number
  }
}

/// Why a datagram is no subscription.
package enum SubscriptionError: Error, Equatable, Sendable {
  case tooLong
  /// Another packet of uwsgi, or none.
  case noSubscription
  /// A size in it is not what is there.
  case wrongSize
  /// A pair that must be there is not, or is out of its bounds.
  case wrongValue
  case signatureNotLast
}
