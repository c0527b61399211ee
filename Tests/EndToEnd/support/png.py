"""Pictures that Chromium makes: PNG of eight bits a channel, ISO/IEC 15948."""

import struct
import zlib


def pixels(data):
    """Width, height, and the rows as bytes with three or four for each pixel; then how many."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    at, packed, width, height, channels = 8, b"", 0, 0, 0
    while at < len(data):
        length, kind = struct.unpack("!I4s", data[at:at + 8])
        part = data[at + 8:at + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlaced = struct.unpack("!IIBBBBB", part)
            assert depth == 8 and colour in (2, 6) and not interlaced
            channels = {2: 3, 6: 4}[colour]
        elif kind == b"IDAT":
            packed += part
        at += length + 12
    return width, height, _rows(zlib.decompress(packed), width * channels, channels), channels


def _rows(raw, length, channels):
    """Undoes the filters, §9."""
    before, rows = bytearray(length), []
    for at in range(0, len(raw), length + 1):
        kind, row = raw[at], bytearray(raw[at + 1:at + 1 + length])
        if kind == 1:
            for index in range(channels, length):
                row[index] = (row[index] + row[index - channels]) & 255
        elif kind == 2:
            row = bytearray((one + above) & 255 for one, above in zip(row, before))
        elif kind == 3:
            for index in range(length):
                left = row[index - channels] if index >= channels else 0
                row[index] = (row[index] + (left + before[index]) // 2) & 255
        elif kind == 4:
            for index in range(length):
                left, corner = (row[index - channels], before[index - channels]) if index >= channels else (0, 0)
                row[index] = (row[index] + _nearest(left, before[index], corner)) & 255
        rows.append(row)
        before = row
    return rows


def _nearest(left, above, corner):
    guess = left + above - corner
    distances = abs(guess - left), abs(guess - above), abs(guess - corner)
    return (left, above, corner)[distances.index(min(distances))]
