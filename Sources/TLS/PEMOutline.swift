/// The frame of PEM text, RFC 7468 §2: which blocks it holds, and that each of them is whole.
///
/// OpenSSL's reader skips what it does not know, a block whose first line was cut among it, so that
/// half a file would pass for a whole one.
package struct PEMOutline {
  package struct Block {
    package let label: [UInt8]
    /// Where it stands in the text, its first and last line included.
    package let range: Range<Int>
    /// What stands between those lines.
    package let content: Range<Int>

    package func isLabelled(_ text: StaticString) -> Bool {
      label.elementsEqual(text.description.utf8)
    }

    package var isCertificate: Bool {
      isLabelled("CERTIFICATE") || isLabelled("X509 CERTIFICATE")
    }

    package var isKey: Bool { label.suffix(11).elementsEqual("PRIVATE KEY".utf8) }
  }

  package private(set) var blocks: [Block] = []
  /// What was read, as OpenSSL reads it too: lines end with LF, and nothing stands before them.
  package let text: [UInt8]

  var certificates: Int { blocks.count(where: \.isCertificate) }
  var keys: Int { blocks.count(where: \.isKey) }

  private static let begin = Array("-----BEGIN ".utf8)
  private static let end = Array("-----END ".utf8)
  private static let dashes = Array("-----".utf8)

  /// Takes text as editors and mails leave it (`PEMLines`); what is no text at all is refused as what
  /// it is.
  package init(_ given: [UInt8], isKey: Bool = false) throws(CertificateError) {
    if let form = ForeignForm(bytes: given) { throw .foreign(form, isKey: isKey) }
    let text = PEMLines.plain(given)
    self.text = text
    var open: (label: ArraySlice<UInt8>, line: Int, start: Int, content: Int)?
    var line = 0
    var rest = text[...]
    while !rest.isEmpty {
      line += 1
      let isLast: Bool
      var content: ArraySlice<UInt8>
      if let stop = rest.firstIndex(of: UInt8(ascii: "\n")) {
        (content, rest, isLast) = (rest[..<stop], rest[(stop + 1)...], false)
      } else {
        (content, rest, isLast) = (rest, rest[rest.endIndex...], true)
      }
      while let last = content.last, last == 0x20 || last == 0x09 || last == 0x0d {
        content.removeLast()
      }
      if let block = open {
        guard content.first == Self.dashes[0] else { continue }
        guard Self.label(content, after: Self.end) == block.label else {
          throw .unclosedBlock(line: block.line)
        }
        blocks.append(
          Block(
            label: Array(block.label), range: block.start..<rest.startIndex,
            content: block.content..<content.startIndex))
        open = nil
      } else if let label = Self.label(content, after: Self.begin) {
        open = (label, line, content.startIndex, rest.startIndex)
      } else if content.starts(with: Self.dashes)
        || isLast && !content.isEmpty && Self.dashes.starts(with: content)
      {
        let isWhole = content.firstRange(of: Self.end) != nil
        throw isWhole ? .foreign(.withoutLines, isKey: isKey) : .unclosedBlock(line: line)
      }
    }
    if let open { throw .unclosedBlock(line: open.line) }
  }

  /// Why there is no certificate in it.
  package var missingCertificate: CertificateError {
    for block in blocks {
      if block.isLabelled("PKCS7") || block.isLabelled("CMS") {
        return .foreign(.pkcs7, isKey: false)
      }
      if block.isLabelled("TRUSTED CERTIFICATE") { return .foreign(.trusted, isKey: false) }
      if block.label.suffix(19).elementsEqual("CERTIFICATE REQUEST".utf8) {
        return .foreign(.request, isKey: false)
      }
    }
    let hasMark = text.firstRange(of: "-----BEGIN CERTIFICATE".utf8) != nil
    return hasMark ? .foreign(.withoutLines, isKey: false) : .noCertificate
  }

  /// Why there is no private key in it.
  package var missingKey: CertificateError {
    if blocks.contains(where: { $0.isLabelled("PUBLIC KEY") }) {
      return .foreign(.publicKey, isKey: true)
    }
    let hasMark = text.firstRange(of: "PRIVATE KEY-----".utf8) != nil
    return hasMark ? .foreign(.withoutLines, isKey: true) : .noKey
  }

  /// What stands between `start` and the dashes at the end of the line.
  private static func label(
    _ line: ArraySlice<UInt8>, after start: [UInt8]
  ) -> ArraySlice<UInt8>? {
    guard line.starts(with: start), line.suffix(dashes.count) == dashes[...],
      line.count > start.count + dashes.count
    else { return nil }
    return line.dropFirst(start.count).dropLast(dashes.count)
  }
}
