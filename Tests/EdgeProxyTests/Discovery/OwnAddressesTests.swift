import EventLoop
import Glibc
import HTTPCore
import Testing

@testable import EdgeProxy

@Suite("Addresses of this machine")
struct OwnAddressesTests {
  @Test func `the kernel's addresses are taken, loopback among them`() {
    var own = OwnAddresses()
    #expect(own.look() == .none)
    #expect(own.all.contains { $0.isLoopback })
    #expect(own.failure == nil)
  }

  @Test func `a kernel that does not answer is told once, with its reason and what to do`() {
    let kernel = Kernel()
    var own = OwnAddresses { () throws(SystemError) in try kernel.answer.get() }
    #expect(own.look() == .none)
    kernel.answer = .failure(SystemError("getifaddrs", code: EAFNOSUPPORT))
    guard case .failed(let told) = own.look() else {
      Issue.record("nothing was told")
      return
    }
    #expect(told.contains("getifaddrs: Address family not supported by protocol"))
    #expect(told.contains("AF_NETLINK"))
    #expect(own.failure == told)
    #expect(own.look() == .none)
  }

  @Test func `addresses that were known stay while the kernel does not answer`() {
    let kernel = Kernel()
    var own = OwnAddresses { () throws(SystemError) in try kernel.answer.get() }
    _ = own.look()
    kernel.answer = .failure(SystemError("getifaddrs", code: EMFILE))
    _ = own.look()
    #expect(own.all == [IPAddress(ipv4: 0x0a00_0001)])
    kernel.answer = .success([[10, 0, 0, 2]])
    #expect(own.look() == .readAgain)
    #expect(own.all == [IPAddress(ipv4: 0x0a00_0002)])
    #expect(own.failure == nil)
  }

  /// Answers what the test says.
  private final class Kernel {
    var answer: Result<[[UInt8]], SystemError> = .success([[10, 0, 0, 1]])
  }
}
