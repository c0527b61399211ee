/// A key of etcd and its value, as they came.
package struct StoredValue: Sendable, Equatable, CustomStringConvertible, CustomReflectable {
  package let key: [UInt8]
  package let value: [UInt8]

  package init(key: [UInt8], value: [UInt8]) {
    self.key = key
    self.value = value
  }

  /// The key alone: the value may be a secret.
  package var description: String { KeyText.text(key) }
  package var customMirror: Mirror { Mirror(self, children: ["key": description]) }
}

/// What became of one key of etcd.
package enum StoredChange: Sendable, Equatable {
  case put(StoredValue)
  case deleted(key: [UInt8])

  /// What was put; `nil` for a deletion.
  package var stored: StoredValue? {
    if case .put(let stored) = self { stored } else { nil }
  }
}

/// Keys of etcd for people: any bytes are possible in them.
package enum KeyText {
  /// How much of a key is shown, in bytes.
  private static let shownMax = 200

  /// The key, with everything but printable ASCII as `\xNN`, and cut where it is long.
  package static func text(_ key: [UInt8]) -> String {
    var text = ""
    for byte in key.prefix(shownMax) {
      if (0x20..<0x7f).contains(byte), byte != UInt8(ascii: "\\") {
        text.unicodeScalars.append(Unicode.Scalar(byte))
      } else {
        let digits = String(byte, radix: 16)
        text += digits.count == 1 ? "\\x0\(digits)" : "\\x\(digits)"
      }
    }
    return key.count > shownMax ? text + "…" : text
  }
}
