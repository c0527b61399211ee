internal import CLinux
internal import Glibc

/// A bound UDP socket that answers those that ask.
///
/// It keeps where the last datagram came from, so that an answer allocates nothing. The answer leaves from
/// the address that was asked, also where the socket is bound to all addresses of the machine: a client
/// takes it from no other.
// SAFETY: this object owns the four blocks, which do not move, and gives them back in `deinit`. One thread
// uses them.
@safe
package final class DatagramPort {
  /// What a read came to.
  package enum Arrival: Equatable {
    /// So many bytes.
    case datagram(Int)
    /// It did not fit, and is gone.
    case tooLong
    /// Nothing is waiting, or it cannot be read.
    case none
  }

  private let descriptor: FileDescriptor
  private let message: UnsafeMutablePointer<msghdr>
  private let block: UnsafeMutablePointer<iovec>
  private let sender: UnsafeMutableRawPointer
  /// Which of our addresses was asked, as the kernel says it and is told it: a `cmsghdr`.
  private let asked: UnsafeMutableRawPointer

  private static let senderBytes = MemoryLayout<sockaddr_storage>.size
  private static let askedBytes = 64
  /// Of the head of a `cmsghdr` on machines with 64 bits: its length, level and type.
  private static let askedHeadBytes = 16

  /// Takes over a socket that is bound.
  package init(_ descriptor: consuming FileDescriptor) {
    let raw = descriptor.raw
    self.descriptor = consume descriptor
    // SAFETY: each block is filled as far as it was made, and the first leads to the others, which live
    // as long.
    unsafe message = .allocate(capacity: 1)
    unsafe block = .allocate(capacity: 1)
    unsafe sender = .allocate(byteCount: Self.senderBytes, alignment: 16)
    unsafe asked = .allocate(byteCount: Self.askedBytes, alignment: 16)
    unsafe message.initialize(to: msghdr())
    unsafe block.initialize(to: iovec())
    unsafe sender.initializeMemory(as: UInt8.self, repeating: 0, count: Self.senderBytes)
    unsafe asked.initializeMemory(as: UInt8.self, repeating: 0, count: Self.askedBytes)
    unsafe message.pointee.msg_name = sender
    unsafe message.pointee.msg_iov = block
    unsafe message.pointee.msg_iovlen = 1
    unsafe message.pointee.msg_control = asked
    guard let address = Socket.localAddress(raw) else { return }
    Self.prepare(raw, address)
  }

  deinit {
    unsafe message.deallocate()
    unsafe block.deallocate()
    unsafe sender.deallocate()
    unsafe asked.deallocate()
  }

  private static func prepare(_ raw: Int32, _ address: SocketAddress) {
    // A forged word of a router must not have answers cut into pieces, which can be forged in their turn
    // (RFC 9715).
    let never: Int32 = 5  // IP_PMTUDISC_OMIT and IPV6_PMTUDISC_OMIT
    let isAny = address.bytes.dropFirst(4).allSatisfy { $0 == 0 }
    switch address.family {
    case .unix: break
    case .ipv4:
      try? Socket.set(raw, Int32(IPPROTO_IP), 10, never)  // IP_MTU_DISCOVER
      if isAny { try? Socket.set(raw, Int32(IPPROTO_IP), 8, 1) }  // IP_PKTINFO
    case .ipv6:
      try? Socket.set(raw, Int32(IPPROTO_IPV6), 23, never)  // IPV6_MTU_DISCOVER
      if isAny { try? Socket.set(raw, Int32(IPPROTO_IPV6), 49, 1) }  // IPV6_RECVPKTINFO
    }
  }

  package var raw: Int32 { descriptor.raw }

  /// Takes the next datagram.
  package func receive(into space: inout MutableSpan<UInt8>) -> Arrival {
    // SAFETY: the kernel is told the size of each block, and the span keeps its memory alive and bounds it
    // for the length of the call.
    unsafe message.pointee.msg_namelen = socklen_t(Self.senderBytes)
    unsafe message.pointee.msg_controllen = Self.askedBytes
    let count = unsafe space.withUnsafeMutableBytes { bytes in
      unsafe block.pointee.iov_base = bytes.baseAddress
      unsafe block.pointee.iov_len = bytes.count
      return unsafe recvmsg(descriptor.raw, message, Int32(MSG_DONTWAIT))
    }
    guard count >= 0 else { return .none }
    return unsafe message.pointee.msg_flags & Int32(MSG_TRUNC) != 0 ? .tooLong : .datagram(count)
  }

  /// The address that the last datagram came from, as a number of 128 bits; IPv4 as RFC 4291 §2.5.5.2 maps
  /// it.
  package var source: (high: UInt64, low: UInt64) {
    // SAFETY: the block has room for every kind of address, and was zero before the kernel wrote one.
    switch Int32(unsafe sender.load(as: sa_family_t.self)) {
    case AF_INET:
      let number = UInt32(bigEndian: unsafe sender.load(fromByteOffset: 4, as: UInt32.self))
      return (0, 0xffff_0000_0000 | UInt64(number))
    case AF_INET6:
      return (
        UInt64(bigEndian: unsafe sender.load(fromByteOffset: 8, as: UInt64.self)),
        UInt64(bigEndian: unsafe sender.load(fromByteOffset: 16, as: UInt64.self))
      )
    default: return (0, 0)
    }
  }

  /// Answers the last datagram; `false` where the kernel does not take it, and nobody gets it.
  package func reply(_ bytes: borrowing Span<UInt8>) -> Bool {
    forgetInterface()
    // SAFETY: the kernel reads the span during the call only, and of the other blocks what it wrote itself.
    let count = unsafe bytes.withUnsafeBytes { bytes in
      unsafe block.pointee.iov_base = UnsafeMutableRawPointer(mutating: bytes.baseAddress)
      unsafe block.pointee.iov_len = bytes.count
      return unsafe sendmsg(descriptor.raw, message, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
    }
    return count >= 0
  }

  /// The answer goes the way of the routing table, which need not be the one that the question came.
  private func forgetInterface() {
    // SAFETY: both places lie within the block.
    guard unsafe message.pointee.msg_controllen >= Self.askedHeadBytes + 12 else { return }
    let isIPv6 = Int32(unsafe sender.load(as: sa_family_t.self)) == AF_INET6
    // `in6_pktinfo` has it behind the address, `in_pktinfo` in front.
    unsafe asked.storeBytes(
      of: 0, toByteOffset: Self.askedHeadBytes + (isIPv6 ? 16 : 0), as: UInt32.self)
  }
}

@available(*, unavailable) extension DatagramPort: Sendable {}
