internal import COpenSSL

// Every function that OpenSSL calls. They find the Swift owner through the user data of the SSL,
// record or decide one thing, and return; they never throw, block or call back into the SSL's I/O.

/// A key with a passphrase is refused instead of asking on the terminal; tells that it was asked.
let refusePassphrase:
  @convention(c) (
    UnsafeMutablePointer<CChar>?, Int32, Int32, UnsafeMutableRawPointer?
  ) -> Int32 = { _, _, _, asked in
    // SAFETY: the caller passes a Bool that outlives the call, or nothing.
    unsafe asked?.assumingMemoryBound(to: Bool.self).pointee = true
    return -1
  }

/// Where the SSL keeps its `TLSStream`; made once for the process.
let streamIndex = shim_SSL_get_ex_new_index()

/// The stream that an SSL belongs to.
private func owner(of ssl: OpaquePointer?) -> TLSStream? {
  guard let data = unsafe SSL_get_ex_data(ssl, streamIndex) else { return nil }
  // SAFETY: the stream owns the SSL and clears this before it goes.
  return unsafe Unmanaged<TLSStream>.fromOpaque(data).takeUnretainedValue()
}

/// The client's first words are there: chooses the certificate (RFC 6066 §3), or what a CA is shown that
/// offers `acme-tls/1` and nothing else (RFC 8737 §3).
let clientHelloArrived:
  @convention(c) (
    OpaquePointer?, UnsafeMutablePointer<Int32>?, UnsafeMutableRawPointer?
  ) -> Int32 = { ssl, alert, _ in
    guard let stream = unsafe owner(of: ssl) else { return SSL_CLIENT_HELLO_ERROR }
    var data: UnsafePointer<UInt8>? = nil
    var count = 0
    let present = unsafe SSL_client_hello_get0_ext(
      ssl, UInt32(TLSEXT_TYPE_server_name), &data, &count)
    let bytes = unsafe UnsafeBufferPointer(start: present == 1 ? data : nil, count: count)
    let forChallenge = unsafe offersChallenge(ssl)
    // SAFETY: OpenSSL keeps the hello alive for the length of this call.
    let name = unsafe Span(_unsafeElements: bytes)
    let accepted =
      forChallenge
      ? stream.chooseChallenge(name, hasName: present == 1)
      : stream.choose(name, hasName: present == 1)
    if accepted { return SSL_CLIENT_HELLO_SUCCESS }
    unsafe alert?.pointee =
      forChallenge ? SSL_AD_NO_APPLICATION_PROTOCOL : SSL_AD_UNRECOGNIZED_NAME
    return SSL_CLIENT_HELLO_ERROR
  }

/// A client has sent its certificates: verifies them by the rule of the host.
let clientChainArrived: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> Int32 = {
  verification, _ in
  // SAFETY: OpenSSL keeps the verification and the SSL that it belongs to alive for this call.
  guard let verification = unsafe verification,
    let data = unsafe X509_STORE_CTX_get_ex_data(
      verification, SSL_get_ex_data_X509_STORE_CTX_idx()),
    let stream = unsafe owner(of: OpaquePointer(data))
  else { return 0 }
  return unsafe stream.verifyClient(verification) ? 1 : 0
}

/// Whether the hello comes from a CA that looks for a challenge: its ALPN extension, a length of two bytes
/// and the list, has just that protocol.
private func offersChallenge(_ ssl: OpaquePointer?) -> Bool {
  var data: UnsafePointer<UInt8>? = nil
  var count = 0
  guard
    unsafe SSL_client_hello_get0_ext(
      ssl, UInt32(TLSEXT_TYPE_application_layer_protocol_negotiation), &data, &count) == 1,
    count > 2
  else { return false }
  // SAFETY: as above.
  let bytes = unsafe Span(_unsafeElements: UnsafeBufferPointer(start: data, count: count))
  return bytes[0] == 0 && Int(bytes[1]) == count - 2
    && ChallengeContexts.isOffer(bytes.extracting(2..<count))
}

/// Chooses among what the client offers: HTTP/2 where it is spoken here, else HTTP/1.1.
///
/// A client that offers only others is refused, RFC 7301 §3.2.
let protocolOffered:
  @convention(c) (
    OpaquePointer?, UnsafeMutablePointer<UnsafePointer<UInt8>?>?, UnsafeMutablePointer<UInt8>?,
    UnsafePointer<UInt8>?, UInt32, UnsafeMutableRawPointer?
  ) -> Int32 = { ssl, chosen, chosenCount, offer, count, _ in
    guard let stream = unsafe owner(of: ssl) else { return SSL_TLSEXT_ERR_ALERT_FATAL }
    // SAFETY: OpenSSL has checked the list's form and keeps it alive; the answer points into it.
    let offered = unsafe UnsafeBufferPointer(start: offer, count: Int(count))
    guard let place = unsafe stream.chooseProtocol(Span(_unsafeElements: offered)) else {
      return SSL_TLSEXT_ERR_ALERT_FATAL
    }
    unsafe chosen?.pointee = offer?.advanced(by: place.lowerBound)
    unsafe chosenCount?.pointee = UInt8(place.count)
    return SSL_TLSEXT_ERR_OK
  }

/// Seals a new ticket (`sealing` 1) or opens one that a client brought.
///
/// 1 goes on; 2 opens and issues a fresh one; 0 does not know the key; negative is an error.
let ticketKeyWanted:
  @convention(c) (
    OpaquePointer?, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt8>?, OpaquePointer?,
    OpaquePointer?, Int32
  ) -> Int32 = { ssl, name, iv, cipher, mac, sealing in
    // SAFETY: for the length of this call OpenSSL lends the contexts, 16 bytes of name and room for
    // a vector of 16; keys have names of 16 bytes.
    guard let stream = unsafe owner(of: ssl), let name = unsafe name, let iv = unsafe iv else {
      return -1
    }
    let context = stream.context
    let keys = context.ticketKeys.keys
    guard sealing == 1 else {
      for position in keys.indices {
        var same = true
        for index in 0..<16 where unsafe name[index] != keys[position].name[index] { same = false }
        guard same else { continue }
        guard
          unsafe EVP_DecryptInit_ex2(
            cipher, context.ticketCipher, keys[position].cipherKey, iv, nil)
            == 1, unsafe context.ticketMAC.prepare(mac, keys[position].macKey)
        else { return -1 }
        // Of TLS 1.3 each ticket is for one use (RFC 8446 §C.4), so a fresh one always follows.
        let isReusable = unsafe SSL_version(ssl) != TLS1_3_VERSION
        return position == 0 && isReusable ? 1 : 2
      }
      return 0
    }
    // TLS 1.2 takes it for an empty ticket, RFC 5077 §3.3: such a client shows its certificate again.
    if stream.verifiedClient != nil { return 0 }
    guard let key = keys.first, unsafe RAND_bytes(iv, 16) == 1 else { return -1 }
    for index in 0..<16 { unsafe name[index] = key.name[index] }
    guard unsafe EVP_EncryptInit_ex2(cipher, context.ticketCipher, key.cipherKey, iv, nil) == 1,
      unsafe context.ticketMAC.prepare(mac, key.macKey)
    else { return -1 }
    return 1
  }
