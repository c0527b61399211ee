import Glibc
import Testing

@testable import EventLoop

@Suite("Addresses of interfaces")
struct InterfaceAddressesTests {
  @Test func `loopback is among them`() throws {
    #expect(try InterfaceAddresses.all().contains([127, 0, 0, 1]))
  }

  @Test func `a kernel that gives no socket to ask with is told, not taken for none`() async {
    await #expect(processExitsWith: .success) {
      var none = rlimit(rlim_cur: 0, rlim_max: 0)
      // SAFETY: the structure outlives the call.
      let number = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
      guard unsafe setrlimit(number, &none) == 0 else { exit(2) }
      do throws(SystemError) {
        _ = try InterfaceAddresses.all()
        exit(3)
      } catch {
        exit(error == SystemError("getifaddrs", code: EMFILE) ? 0 : 4)
      }
    }
  }
}
