import TestSupport
import Testing

@testable import HTTPCore

@Suite("uwsgi packets")
struct UWSGIPacketTests {
  private func bytes(of packet: borrowing UWSGIPacket) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(copying: packet.bytes)
    return bytes
  }

  @Test func `a captured packet is made again, byte for byte`() throws {
    let captured = try #require(RepositoryFiles.read("Tests/Vectors/uwsgi-req-min-get.bin"))
    let block = try #require(UWSGIBlock(captured))
    var packet = UWSGIPacket()
    packet.begin()
    for variable in block.variables {
      let (key, value) = (octets(variable.key), octets(variable.value))
      packet.openKey(prefix: "")
      packet.appendKey(folding: key.span)
      packet.closeKey()
      packet.append(value.span)
      packet.closeValue()
    }
    try packet.finish(modifier1: block.modifier1, modifier2: block.modifier2)
    #expect(bytes(of: packet) == captured)
    #expect(packet.count == 224)
    #expect(packet.blockBytes == 220)
  }

  @Test func `sizes are little-endian, modifiers are at both ends of the header`() throws {
    var packet = UWSGIPacket()
    packet.begin()
    packet.add("A", "")
    packet.add("N", decimal: .max)
    packet.add("Z", decimal: 0)
    try packet.finish(modifier1: 5, modifier2: 7)
    let sent = bytes(of: packet)
    #expect(Array(sent[..<9]) == [5, 36, 0, 7, 1, 0, 65, 0, 0])
    let block = try #require(UWSGIBlock(sent))
    #expect(block.variables.map(\.description) == ["A=", "N=18446744073709551615", "Z=0"])
  }

  @Test(arguments: [0, 1, 255, 256, 2040, 2048, 65_530])
  func `values of any size that fits`(count: Int) throws {
    let value = [UInt8](repeating: UInt8(ascii: "v"), count: count)
    var packet = UWSGIPacket()
    packet.begin()
    packet.add("K", value.span)
    try packet.finish(modifier1: 0, modifier2: 0)
    let block = try #require(UWSGIBlock(bytes(of: packet)))
    #expect(block["K"]?.utf8.count == count)
    #expect(packet.blockBytes == count + 5)
  }

  @Test(arguments: [65_531, 65_532, 65_535, 65_536, 70_000, 131_072, 200_000])
  func `a block beyond 65535 bytes is refused, never truncated`(count: Int) throws {
    let value = [UInt8](repeating: 0, count: count)
    var packet = UWSGIPacket()
    packet.begin()
    packet.add("K", value.span)
    var refusal: HTTPError?
    do throws(HTTPError) { try packet.finish(modifier1: 0, modifier2: 0) } catch { refusal = error }
    #expect(refusal == .blockTooLarge(bytes: count + 5, limit: 65_535))
    #expect(refusal?.status == 431)
    // The packet is good again for the next request.
    packet.begin()
    packet.add("K", "v")
    try packet.finish(modifier1: 0, modifier2: 0)
    #expect(bytes(of: packet) == [0, 6, 0, 0, 1, 0, 75, 1, 0, 118])
  }

  @Test func `many small variables are refused beyond 128`() throws {
    var packet = UWSGIPacket()
    packet.begin()
    for _ in 0..<128 { packet.add("K", "v") }
    try packet.finish(modifier1: 0, modifier2: 0)
    packet.add("K", "v")
    #expect(throws: HTTPError.tooManyVariables(count: 129, limit: 128)) {
      try packet.finish(modifier1: 0, modifier2: 0)
    }
  }

  @Test func `names fold to upper case with underscores`() throws {
    var packet = UWSGIPacket()
    packet.begin()
    let name = octets("x-Az09-!#$%&'*+.^`|~")
    packet.openKey(prefix: "HTTP_")
    packet.appendKey(folding: name.span)
    packet.closeKey()
    packet.closeValue()
    try packet.finish(modifier1: 0, modifier2: 0)
    #expect(UWSGIBlock(bytes(of: packet))?.variables.first?.key == "HTTP_X_AZ09_!#$%&'*+.^`|~")
  }
}
