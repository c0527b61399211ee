import TestSupport
import Testing

@testable import EdgeProxy

extension TextBuffer {
  /// What has been written, byte for byte; tests look at nothing that is not UTF-8 as text.
  var text: String { String(decoding: (0..<count).map { self[$0] }, as: UTF8.self) }
}

@Suite("Text put together byte by byte")
struct TextBufferTests {
  @Test(
    arguments: [
      0, 1, 9, 10, 11, 99, 100, -1, -10, 4096, .max, .min, 1_000_000_000_000_000_000,
    ] as [Int])
  func `numbers come out in decimal`(value: Int) {
    var buffer = TextBuffer(capacity: 0)
    buffer.append(decimal: value)
    #expect(buffer.text == String(value))
  }

  @Test func `the largest number comes out whole`() {
    var buffer = TextBuffer(capacity: 1)
    buffer.append(decimal: UInt64.max)
    #expect(buffer.text == "18446744073709551615")
  }

  @Test func `it grows when it has to and is used again`() {
    var buffer = TextBuffer(capacity: 2)
    for _ in 0..<3 {
      buffer.removeAll()
      buffer.append("hello")
      buffer.append(7, digits: 3)
      buffer.append(Array(" world".utf8).span)
      buffer.append(string: " again")
      #expect(buffer.text == "hello007 world again")
    }
    buffer.removeFirst(9)
    #expect(buffer.text == "world again")
    buffer.shrink(to: 4)
    #expect(buffer.text == "world again")
    buffer.removeAll()
    buffer.shrink(to: 4)
    #expect(buffer.capacity == 4)
  }
}

@Suite("What strangers send is escaped")
struct EscapingTests {
  private enum Format: CaseIterable { case json, apache, html, htmlName }

  private func escape(_ bytes: [UInt8], _ format: Format) -> String {
    var buffer = TextBuffer(capacity: 8)
    switch format {
    case .json: buffer.append(json: bytes.span)
    case .apache: buffer.append(apache: bytes.span)
    case .html: buffer.append(html: bytes.span)
    case .htmlName: buffer.append(htmlName: bytes.span)
    }
    return buffer.text
  }

  @Test(
    arguments: [
      (Array("plain text/1".utf8), "plain text/1"),
      (Array("say \"hi\\\"".utf8), #"say \"hi\\\""#),
      ([0x08, 0x09, 0x0a, 0x0c, 0x0d], #"\b\t\n\f\r"#),
      ([0x00, 0x1b, 0x7f, 0x0b], #"\u0000\u001b\u007f\u000b"#),
      (Array("é€😀".utf8), "é€😀"),
      // U+0080 and U+009B (CSI) are controls, U+00A0 is not.
      ([0xc2, 0x80, 0xc2, 0x9b, 0xc2, 0xa0], "\\u0080\\u009b\u{a0}"),
      // A lone continuation, an overlong form, a surrogate, more than U+10FFFF, a cut sequence.
      ([0x80, 0x41], #"\u0080A"#),
      ([0xc0, 0xaf], #"\u00c0\u00af"#),
      ([0xed, 0xa0, 0x80], #"\u00ed\u00a0\u0080"#),
      ([0xf4, 0x90, 0x80, 0x80], #"\u00f4\u0090\u0080\u0080"#),
      ([0xe2, 0x82], #"\u00e2\u0082"#),
      ([0xff, 0xfe], #"\u00ff\u00fe"#),
      ([], ""),
    ] as [([UInt8], String)])
  func `in JSON`(bytes: [UInt8], expected: String) {
    #expect(escape(bytes, .json) == expected)
  }

  @Test(
    arguments: [
      (Array("GET /a?b=\"c\" x".utf8), #"GET /a?b=\"c\" x"#),
      (Array(#"a\b"#.utf8), #"a\\b"#),
      ([0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d], #"\b\t\n\v\x0c\r"#),
      ([0x00, 0x1b, 0x7f, 0x80, 0xff], #"\x00\x1b\x7f\x80\xff"#),
      (Array("é".utf8), #"\xc3\xa9"#),
    ] as [([UInt8], String)])
  func `in an Apache log`(bytes: [UInt8], expected: String) {
    #expect(escape(bytes, .apache) == expected)
  }

  @Test func `in HTML`() {
    #expect(
      escape(Array("<a href='x'>\"&\u{1}é".utf8), .html)
        == "&lt;a href=&#39;x&#39;&gt;&quot;&amp;???")
  }

  @Test(
    arguments: [
      (Array("café 日本語.pdf рус 😀".utf8), "café 日本語.pdf рус 😀"),
      (Array("<a&'\">".utf8), "&lt;a&amp;&#39;&quot;&gt;"),
      ([0x41, 0x00, 0x1b, 0x7f, 0x42], "A???B"),
      ([0xc2, 0x80, 0xc2, 0x9b, 0xc2, 0xa0], "??\u{a0}"),
      ([0xe2, 0x82, 0x41], "??A"), ([0xff, 0xfe, 0xc0, 0xaf, 0xed, 0xa0, 0x80], "???????"),
      // Left-to-right mark, override, isolate, Arabic letter mark; an ellipsis is none.
      (Array("a\u{200e}b\u{202e}c\u{2066}d\u{61c}e\u{2026}".utf8), "a?b?c?d?e\u{2026}"),
      ([], ""),
    ] as [([UInt8], String)])
  func `in a name that a page shows`(bytes: [UInt8], expected: String) {
    #expect(escape(bytes, .htmlName) == expected)
  }

  @Test func `random bytes leave no control character and no bare quote in any format`() {
    var random = SeededRandom(seed: 21)
    for _ in 0..<3000 {
      let bytes = (0..<Int(random.next() % 24)).map { _ in
        // Half of them from where UTF-8 gets interesting.
        random.next() % 2 == 0 ? UInt8(random.next() % 256) : UInt8(0x80 + random.next() % 128)
      }
      for format in Format.allCases {
        let text = escape(bytes, format)
        #expect(!text.unicodeScalars.contains { $0.properties.generalCategory == .control })
        #expect(!text.unicodeScalars.contains("\u{fffd}") || bytes.count >= 3)
        if format != .html {
          #expect(!text.replacing("\\\\", with: "").replacing("\\\"", with: "").contains("\""))
        }
      }
    }
  }
}
