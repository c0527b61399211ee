// OpenSSL 3 as Swift can import it: macros that take arguments become functions named shim_<macro>,
// one line each; no logic lives here.
#pragma once
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/decoder.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

static inline int shim_SSL_CTX_set_min_proto_version(SSL_CTX *c, int v) { return SSL_CTX_set_min_proto_version(c, v); }
static inline long shim_SSL_CTX_set_mode(SSL_CTX *c, long m) { return SSL_CTX_set_mode(c, m); }
static inline long shim_SSL_CTX_set_session_cache_mode(SSL_CTX *c, long m) { return SSL_CTX_set_session_cache_mode(c, m); }
static inline long shim_SSL_CTX_set1_groups_list(SSL_CTX *c, const char *l) { return SSL_CTX_set1_groups_list(c, l); }
static inline void shim_SSL_CTX_set_read_ahead(SSL_CTX *c, int y) { SSL_CTX_set_read_ahead(c, y); }
static inline int shim_SSL_get_ex_new_index(void) { return SSL_get_ex_new_index(0, 0, 0, 0, 0); }
static inline int shim_SSL_set_tlsext_host_name(SSL *s, const char *n) { return SSL_set_tlsext_host_name(s, n); }
static inline int shim_GENERAL_NAMES_num(const GENERAL_NAMES *n) { return sk_GENERAL_NAME_num(n); }
static inline const GENERAL_NAME *shim_GENERAL_NAMES_value(const GENERAL_NAMES *n, int i) { return sk_GENERAL_NAME_value(n, i); }
static inline STACK_OF(X509) *shim_sk_X509_new_null(void) { return sk_X509_new_null(); }
static inline int shim_sk_X509_push(STACK_OF(X509) *s, X509 *x) { return sk_X509_push(s, x); }
static inline int shim_sk_X509_num(const STACK_OF(X509) *s) { return sk_X509_num(s); }
static inline X509 *shim_sk_X509_value(const STACK_OF(X509) *s, int i) { return sk_X509_value(s, i); }
static inline void shim_sk_X509_free(STACK_OF(X509) *s) { sk_X509_free(s); }
static inline void shim_sk_X509_pop_free(STACK_OF(X509) *s) { sk_X509_pop_free(s, X509_free); }
static inline STACK_OF(X509_NAME) *shim_sk_X509_NAME_new_null(void) { return sk_X509_NAME_new_null(); }
static inline int shim_sk_X509_NAME_push(STACK_OF(X509_NAME) *s, X509_NAME *n) { return sk_X509_NAME_push(s, n); }
static inline void shim_sk_X509_NAME_pop_free(STACK_OF(X509_NAME) *s) { sk_X509_NAME_pop_free(s, X509_NAME_free); }
static inline unsigned long shim_XN_FLAG_RFC2253(void) { return XN_FLAG_RFC2253; }
static inline STACK_OF(X509_EXTENSION) *shim_sk_X509_EXTENSION_new_null(void) { return sk_X509_EXTENSION_new_null(); }
static inline int shim_sk_X509_EXTENSION_push(STACK_OF(X509_EXTENSION) *s, X509_EXTENSION *x) { return sk_X509_EXTENSION_push(s, x); }
static inline int shim_sk_X509_EXTENSION_num(const STACK_OF(X509_EXTENSION) *s) { return sk_X509_EXTENSION_num(s); }
static inline X509_EXTENSION *shim_sk_X509_EXTENSION_value(const STACK_OF(X509_EXTENSION) *s, int i) { return sk_X509_EXTENSION_value(s, i); }
static inline void shim_sk_X509_EXTENSION_pop_free(STACK_OF(X509_EXTENSION) *s) { sk_X509_EXTENSION_pop_free(s, X509_EXTENSION_free); }
static inline OSSL_PARAM shim_OSSL_PARAM_digest(char *name) { return OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0); }
static inline EVP_PKEY *shim_EVP_RSA_gen(unsigned int bits) { return EVP_RSA_gen(bits); }
static inline EVP_PKEY *shim_EVP_EC_gen(const char *curve) { return EVP_EC_gen(curve); }
static inline long shim_SSL_CTX_set_max_proto_version(SSL_CTX *c, int v) { return SSL_CTX_set_max_proto_version(c, v); }
static inline long shim_SSL_CTX_set1_sigalgs_list(SSL_CTX *c, const char *l) { return SSL_CTX_set1_sigalgs_list(c, l); }
static inline long shim_SSL_CTX_set1_client_sigalgs_list(SSL_CTX *c, const char *l) { return SSL_CTX_set1_client_sigalgs_list(c, l); }
static inline long shim_SSL_set1_verify_cert_store(SSL *s, X509_STORE *t) { return SSL_set1_verify_cert_store(s, t); }
static inline long shim_SSL_set_max_cert_list(SSL *s, long m) { return SSL_set_max_cert_list(s, m); }
static inline long shim_SSL_set_mode(SSL *s, long m) { return SSL_set_mode(s, m); }
static inline long shim_BIO_get_mem_data(BIO *b, char **p) { return BIO_get_mem_data(b, p); }
static inline int shim_EVP_PKEY_KEYPAIR(void) { return EVP_PKEY_KEYPAIR; }
static inline int shim_ERR_GET_REASON(unsigned long e) { return ERR_GET_REASON(e); }
static inline int shim_ERR_GET_LIB(unsigned long e) { return ERR_GET_LIB(e); }

// Options are casts in OpenSSL's headers, which Swift does not import.
static inline unsigned long long shim_SSL_OP_NO_RENEGOTIATION(void) { return SSL_OP_NO_RENEGOTIATION; }
static inline unsigned long long shim_SSL_OP_NO_COMPRESSION(void) { return SSL_OP_NO_COMPRESSION; }
static inline unsigned long long shim_SSL_OP_NO_TICKET(void) { return SSL_OP_NO_TICKET; }
static inline unsigned long long shim_SSL_OP_IGNORE_UNEXPECTED_EOF(void) { return SSL_OP_IGNORE_UNEXPECTED_EOF; }
static inline unsigned long long shim_SSL_OP_CIPHER_SERVER_PREFERENCE(void) { return SSL_OP_CIPHER_SERVER_PREFERENCE; }
static inline unsigned long long shim_SSL_OP_PRIORITIZE_CHACHA(void) { return SSL_OP_PRIORITIZE_CHACHA; }
static inline unsigned long long shim_SSL_OP_ENABLE_KTLS(void) { return SSL_OP_ENABLE_KTLS; }
