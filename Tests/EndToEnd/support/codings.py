"""The codings of bodies, read by the decoders of other people."""

import zlib

import brotli
import zstandard

CODINGS = ["gzip", "br", "zstd"]


class Brotli:
    """Brotli's decoder with the methods of the others."""

    def __init__(self):
        self.decoder = brotli.Decompressor()
        self.decompress = self.decoder.process

    @property
    def eof(self):
        return self.decoder.is_finished()


def decoder(coding):
    """What reads a body piece by piece: its `decompress` gives all that has come, and `eof` says that it is whole."""
    return {"gzip": lambda: zlib.decompressobj(31), "br": Brotli,
            "zstd": lambda: zstandard.ZstdDecompressor(max_window_size=8 << 20).decompressobj()}[coding]()
