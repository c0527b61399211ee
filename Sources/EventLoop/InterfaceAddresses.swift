internal import CLinux
internal import Glibc

/// The addresses that this machine has.
package enum InterfaceAddresses {
  /// The four or sixteen bytes of each, in network order.
  ///
  /// The kernel is asked over netlink, which a sandbox may forbid.
  package static func all() throws(SystemError) -> [[UInt8]] {
    var first: UnsafeMutablePointer<ifaddrs>?
    guard unsafe getifaddrs(&first) == 0 else { throw SystemError("getifaddrs") }
    // SAFETY: the list is the caller's until it is freed, and each entry is read before that.
    defer { unsafe freeifaddrs(first) }
    var addresses: [[UInt8]] = []
    var entry = unsafe first
    while let here = unsafe entry {
      if let address = unsafe here.pointee.ifa_addr { unsafe append(address, to: &addresses) }
      unsafe entry = here.pointee.ifa_next
    }
    return addresses
  }

  private static func append(_ address: UnsafePointer<sockaddr>, to addresses: inout [[UInt8]]) {
    switch unsafe Int32(address.pointee.sa_family) {
    case AF_INET:
      // SAFETY: the family says which of its kinds the address is.
      let raw = unsafe UnsafeRawBufferPointer(
        start: address, count: MemoryLayout<sockaddr_in>.size)
      unsafe addresses.append(Array(raw[4..<8]))
    case AF_INET6:
      // SAFETY: as above.
      let raw = unsafe UnsafeRawBufferPointer(
        start: address, count: MemoryLayout<sockaddr_in6>.size)
      unsafe addresses.append(Array(raw[8..<24]))
    default: break
    }
  }
}
