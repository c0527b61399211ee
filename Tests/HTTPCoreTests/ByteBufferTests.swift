import HTTPCore
import TestSupport
import Testing

@Suite("Byte buffers")
struct ByteBufferTests {
  @Test func `what is appended is read in order`() {
    var buffer = ByteBuffer(storage: [UInt8](repeating: 0xee, count: 32))
    #expect(buffer.isEmpty == true)
    #expect(buffer.capacity == 32)
    buffer.append("ab")
    buffer.append(UInt8(ascii: "c"))
    let more = octets("def")
    buffer.append(more.span)
    buffer.append(decimal: 0)
    buffer.append(decimal: 1230)
    buffer.append(hexadecimal: 0)
    buffer.append(hexadecimal: 0xbeef)
    #expect(text(buffer.readable) == "abcdef012300beef")
    #expect(buffer.count == 16)
    #expect(buffer.freeCount == 16)
  }

  @Test func `numbers have all their digits`() {
    for value in [0, 9, 10, 99, 100, 4096, UInt64.max / 10, .max - 1, .max] {
      var buffer = ByteBuffer(storage: [UInt8](repeating: 0, count: 20))
      buffer.append(decimal: value)
      #expect(text(buffer.readable) == "\(value)")
      var bytes = octets("n=")
      bytes.append(decimal: value)
      #expect(text(bytes.span) == "n=\(value)")
    }
    for value in [0, 15, 16, 255, 256, Int.max] {
      var buffer = ByteBuffer(storage: [UInt8](repeating: 0, count: 16))
      buffer.append(hexadecimal: value)
      #expect(text(buffer.readable) == String(value, radix: 16))
    }
  }

  @Test func `an emptied buffer begins anew`() {
    var buffer = ByteBuffer(storage: [UInt8](repeating: 0, count: 4))
    buffer.append("abcd")
    #expect(buffer.freeCount == 0)
    buffer.consume(3)
    #expect(text(buffer.readable) == "d")
    #expect(buffer.freeCount == 0)
    buffer.consume(1)
    #expect(buffer.freeCount == 4)
    buffer.consume(0)
    buffer.append("efgh")
    #expect(text(buffer.readable) == "efgh")
  }

  @Test func `compacting keeps what is unread`() {
    var buffer = ByteBuffer(storage: [UInt8](repeating: 0, count: 8))
    buffer.append("abcdefgh")
    buffer.compact()
    #expect(text(buffer.readable) == "abcdefgh")
    buffer.consume(2)
    buffer.compact()
    #expect(text(buffer.readable) == "cdefgh")
    #expect(buffer.freeCount == 2)
    buffer.append("ij")
    #expect(text(buffer.readable) == "cdefghij")
  }

  @Test func `a writer sees exactly the free space`() {
    var buffer = ByteBuffer(storage: [UInt8](repeating: 0, count: 6))
    buffer.append("abc")
    buffer.consume(1)
    let written = buffer.write { space in
      #expect(space.count == 3)
      space[0] = UInt8(ascii: "x")
      space[1] = UInt8(ascii: "y")
      return 2
    }
    #expect(written == 2)
    #expect(text(buffer.readable) == "bcxy")
    #expect(buffer.freeCount == 1)
    #expect(buffer.write { _ in 0 } == 0)
  }

  @Test func `storage is given up and taken again`() {
    var buffer = ByteBuffer(storage: [UInt8](repeating: 0, count: 16))
    buffer.append("abc")
    let storage = buffer.takeStorage()
    #expect(storage.count == 16)
    #expect(buffer.capacity == 0)
    #expect(buffer.isEmpty == true)
    #expect(buffer.freeCount == 0)
    let empty = ByteBuffer()
    #expect(empty.capacity == 0)
    #expect(empty.isEmpty == true)
    buffer = ByteBuffer(storage: storage)
    #expect(buffer.freeCount == 16)
  }

  /// Every way to append 3 bytes or more.
  private static let writers: [@Sendable (inout ByteBuffer) -> Void] = [
    { $0.append("abc") }, { $0.append(octets("abcd").span) }, { $0.append(decimal: 100) },
    { $0.append(hexadecimal: 0xfff) },
    { buffer in for byte in octets("abc") { buffer.append(byte) } },
  ]

  @Test(arguments: writers.indices)
  func `what does not fit is not appended and makes the buffer full`(index: Int) {
    for capacity in 0..<3 {
      var buffer = ByteBuffer(storage: [UInt8](repeating: 0, count: capacity))
      #expect(buffer.isFull == false)
      Self.writers[index](&buffer)
      #expect(buffer.isFull == true)
      #expect(buffer.count <= capacity)
      #expect(buffer.takeStorage().count == capacity)
      #expect(buffer.isFull == false)
    }
    var buffer = ByteBuffer(storage: [UInt8](repeating: 0, count: 4))
    Self.writers[index](&buffer)
    #expect(buffer.isFull == false)
    #expect(buffer.count >= 3)
  }

  @Test(arguments: writers.indices)
  func `a piece that does not fit is taken back whole`(index: Int) {
    for capacity in 2..<8 {
      var buffer = ByteBuffer(storage: [UInt8](repeating: 0, count: capacity))
      buffer.append("xy")
      let whole = buffer.appendWhole { buffer in
        buffer.append("z")
        Self.writers[index](&buffer)
        return true
      }
      #expect(buffer.isFull == false)
      #expect(whole == (buffer.count > 2))
      #expect(text(buffer.readable).hasPrefix(whole ? "xyz" : "xy"))
      #expect(
        buffer.appendWhole {
          $0.append("z"); return false
        } == false)
      #expect(text(buffer.readable).hasPrefix(whole ? "xyz" : "xy"))
    }
  }

  @Test func `a piece is whole although something before it was not`() {
    var buffer = ByteBuffer(storage: [UInt8](repeating: 0, count: 4))
    buffer.append("abcde")
    #expect(buffer.isFull == true)
    let place = buffer.beginPiece()
    buffer.append("fghi")
    #expect(buffer.endPiece(place) == true)
    #expect(text(buffer.readable) == "fghi")
  }

  @Test func `more than is there is neither written nor consumed`() {
    var buffer = ByteBuffer(storage: [UInt8](repeating: 7, count: 4))
    #expect(buffer.write { _ in 5 } == 4)
    #expect(buffer.write { _ in 1 } == 0)
    #expect(buffer.write { _ in -1 } == 0)
    #expect(buffer.count == 4)
    buffer.consume(-1)
    #expect(buffer.count == 4)
    buffer.consume(.max)
    #expect(buffer.isEmpty == true)
    #expect(buffer.freeCount == 4)
    buffer.append(hexadecimal: -1)
    #expect(text(buffer.readable) == "0")
  }
}
