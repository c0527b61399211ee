import Testing

@testable import EdgeProxy

@Suite("MAINPID of systemd")
struct ReloadSignalTests {
  @Test(arguments: [nil, "", "0", "1", "-5", "12x", "99999999999"] as [String?])
  func `nothing that stands for no process or for many is signalled`(_ text: String?) {
    #expect(ReloadSignal.process(text) == nil)
  }

  @Test func `the id of one process is taken`() {
    #expect(ReloadSignal.process("4711") == 4711)
  }
}
