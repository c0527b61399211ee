internal import COpenSSL

/// The authorities that a TLS client trusts, and the certificate that it shows.
package struct ClientIdentity: Sendable, Equatable {
  /// PEM certificates that servers must descend from; `nil`: those the system trusts.
  package var authorityFile: String?
  /// A PEM chain and its key, shown to servers that ask.
  package var certificateFile: String?
  package var keyFile: String?
  /// `false` believes every server; for upstreams whose operator says so.
  package var verifies: Bool

  package init(
    authorityFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil,
    verifies: Bool = true
  ) {
    self.authorityFile = authorityFile
    self.certificateFile = certificateFile
    self.keyFile = keyFile
    self.verifies = verifies
  }
}

/// OpenSSL's context for connections that we begin.
///
/// The files are read when it is made, so that a renewed certificate is taken by making another.
// SAFETY: this object owns the context and frees it in `deinit`; connections count a reference of
// their own.
@safe
package final class ClientContext {
  let raw: OpaquePointer
  let verifies: Bool

  /// `protocols` are offered by ALPN, first choice first.
  ///
  /// Throws what is wrong with a file, with its path.
  package init(_ identity: ClientIdentity, protocols: [String]) throws(TLSError) {
    ERR_clear_error()
    defer { ERR_clear_error() }
    guard let raw = unsafe SSL_CTX_new(TLS_client_method()) else {
      throw TLSError(draining: "SSL_CTX_new")
    }
    unsafe self.raw = unsafe raw
    verifies = identity.verifies
    unsafe shim_SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION)
    unsafe SSL_CTX_set_options(
      raw, shim_SSL_OP_NO_RENEGOTIATION() | shim_SSL_OP_NO_COMPRESSION())
    unsafe shim_SSL_CTX_set_mode(
      raw,
      Int(SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE)
        | Int(SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER))
    unsafe SSL_CTX_set_verify(raw, identity.verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nil)
    unsafe try IdentityFiles.install(identity, raw)
    let list = protocols.flatMap { [UInt8(clamping: $0.utf8.count)] + Array($0.utf8) }
    if !list.isEmpty, unsafe SSL_CTX_set_alpn_protos(raw, list, UInt32(list.count)) != 0 {
      throw TLSError(draining: "SSL_CTX_set_alpn_protos")
    }
  }

  deinit { unsafe SSL_CTX_free(raw) }
}

@available(*, unavailable) extension ClientContext: Sendable {}

/// The files of an identity as a context of either side takes them.
// SAFETY: the caller owns the context for the length of each call, and texts are C strings for that
// long.
enum IdentityFiles {
  /// Throws what is wrong with a file, with its path.
  static func install(_ identity: ClientIdentity, _ context: OpaquePointer) throws(TLSError) {
    unsafe try trust(identity, context)
    unsafe try present(identity, context)
  }

  private static func trust(
    _ identity: ClientIdentity, _ context: OpaquePointer
  ) throws(TLSError) {
    guard identity.verifies else { return }
    guard let file = identity.authorityFile else {
      guard unsafe SSL_CTX_set_default_verify_paths(context) == 1 else {
        throw TLSError(draining: "SSL_CTX_set_default_verify_paths")
      }
      return
    }
    guard unsafe SSL_CTX_load_verify_file(context, file) == 1 else {
      throw TLSError(draining: "'\(file)' has no usable certificate")
    }
  }

  private static func present(
    _ identity: ClientIdentity, _ context: OpaquePointer
  ) throws(TLSError) {
    guard let certificate = identity.certificateFile, let key = identity.keyFile else { return }
    // Without a callback OpenSSL would ask for a passphrase on the terminal.
    unsafe SSL_CTX_set_default_passwd_cb(context, refusePassphrase)
    guard unsafe SSL_CTX_use_certificate_chain_file(context, certificate) == 1 else {
      throw TLSError(draining: "'\(certificate)' is no usable certificate")
    }
    guard unsafe SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1 else {
      throw TLSError(draining: "'\(key)' is no usable key")
    }
    guard unsafe SSL_CTX_check_private_key(context) == 1 else {
      throw TLSError(draining: "'\(key)' does not fit '\(certificate)'")
    }
  }
}
