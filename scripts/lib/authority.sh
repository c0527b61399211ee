# shellcheck shell=bash
# A certificate authority of our own, for names that exist only here. Needs openssl.

# make_authority DIRECTORY: ca.pem and ca.key, kept as long as they are good for another day.
make_authority() {
  local directory=$1
  mkdir -p "$directory"
  openssl x509 -checkend 86400 -noout -in "$directory/ca.pem" >/dev/null 2>&1 && return 0
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -sha256 \
    -subj '/CN=EdgeProxy local authority' -addext 'keyUsage=critical,keyCertSign,cRLSign' \
    -keyout "$directory/ca.key" -out "$directory/ca.pem" 2>/dev/null
}

# make_certificate AUTHORITY DIRECTORY NAME...: fullchain.pem and privkey.pem for the names given.
make_certificate() {
  local authority=$1 directory=$2 names
  shift 2
  mkdir -p "$directory"
  names=$(printf ',DNS:%s' "$@")
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 -subj "/CN=$1" \
    -keyout "$directory/privkey.pem" -out "$directory/request.pem" 2>/dev/null
  printf '%s\n' "subjectAltName=${names#,}" 'basicConstraints=critical,CA:FALSE' \
    'keyUsage=critical,digitalSignature' 'extendedKeyUsage=serverAuth' >"$directory/extensions"
  openssl x509 -req -days 90 -sha256 -in "$directory/request.pem" -extfile "$directory/extensions" \
    -CA "$authority/ca.pem" -CAkey "$authority/ca.key" -CAcreateserial \
    -out "$directory/leaf.pem" 2>/dev/null
  cat "$directory/leaf.pem" "$authority/ca.pem" >"$directory/fullchain.pem"
  rm "$directory/request.pem" "$directory/extensions" "$directory/leaf.pem"
}
