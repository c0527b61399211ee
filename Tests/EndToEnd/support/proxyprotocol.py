"""PROXY headers as load balancers send them."""

import ipaddress
import struct

from .client import Client, client_context, open_socket

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
LOCAL = SIGNATURE + b"\x20\x00\x00\x00"


def line(client, port=4711):
    family = "TCP6" if ":" in client else "TCP4"
    here = "::1" if ":" in client else "127.0.0.1"
    return f"PROXY {family} {client} {here} {port} 443\r\n".encode()


def binary(client, port=4711, vectors=b""):
    address = ipaddress.ip_address(client)
    here = ipaddress.ip_address("::1" if address.version == 6 else "127.0.0.1")
    rest = address.packed + here.packed + struct.pack(">HH", port, 443) + vectors
    return SIGNATURE + bytes([0x21, 0x21 if address.version == 6 else 0x11]) + struct.pack(">H", len(rest)) + rest


class Announced(Client):
    """A client behind a load balancer that sends `header` first, in the given pieces."""

    def __init__(self, port, *header, authority=None, name="app1.example.test"):
        self.name, self.buffer = name, bytearray()
        self.socket = open_socket(port)
        for piece in header:
            self.socket.sendall(piece)
        if authority:
            self.socket = client_context(authority).wrap_socket(self.socket, server_hostname=name)
