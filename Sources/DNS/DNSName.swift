/// Messages of DNS, RFC 1035.
