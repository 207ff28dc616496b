"""Colour profiles, made by hand: no file of anybody's is needed.

`of_rgb(colours, gamma)` has the three primaries as XYZ, `of_grey(gamma)`
a curve, `of_cmyk()` a table of 9 steps an ink. They are version 2 of the
ICC's format, and Pillow and browsers read them.
"""

import itertools
import struct

WHITE = (0.9642, 1, 0.8249)  # D50, in which profiles meet
P3 = (  # the primaries of an iPhone's photos
    (0.5151, 0.2412, -0.0011),
    (0.2920, 0.6922, 0.0419),
    (0.1571, 0.0666, 0.7841),
)
STEPS = 9


def fixed(values):
    return b"".join(struct.pack(">i", round(v * 65536)) for v in values)


def xyz(values):
    return b"XYZ \0\0\0\0" + fixed(values)


def curve(gamma):
    return b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(gamma * 256))


def profile(space, tags, meeting=b"XYZ ", kind=b"mntr"):
    """Give the bytes of a profile with these tags."""
    name = b"desc\0\0\0\0" + struct.pack(">I", 2) + b"x\0" + bytes(78)
    tags = [(b"desc", name), (b"wtpt", xyz(WHITE)), *tags]
    table, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for tag, content in tags:
        content += bytes(-len(content) % 4)
        place = struct.pack(">II", start + len(data), len(content))
        table += tag + place
        data += content
    body = table + data
    head = struct.pack(">I", 128 + len(body)) + bytes(4)
    head += b"\x02\x10\0\0" + kind + space + meeting
    head += struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp" + bytes(28)
    head += fixed(WHITE)
    return head + bytes(128 - len(head)) + body


def of_rgb(colours=P3, gamma=2.2):
    names = (b"rXYZ", b"gXYZ", b"bXYZ")
    tags = [(n, xyz(c)) for n, c in zip(names, colours, strict=True)]
    tags += [(n, curve(gamma)) for n in (b"rTRC", b"gTRC", b"bTRC")]
    return profile(b"RGB ", tags)


def of_grey(gamma):
    return profile(b"GRAY", [(b"kTRC", curve(gamma))])


def of_cmyk():
    """Inks that are none of the four that one gets by subtraction."""
    same, table = bytes(range(256)), b""
    steps = [i / (STEPS - 1) for i in range(STEPS)]
    for c, m, y, k in itertools.product(steps, repeat=4):
        light = (1 - k) * (1 - 0.35 * c) * (1 - 0.45 * m) * (1 - 0.08 * y)
        red = 128 + (60 * m - 40 * c) * (1 - k)
        yellow = 128 + (70 * y - 30 * c) * (1 - k)
        table += bytes(map(round, (255 * light, red, yellow)))
    lut = b"mft1\0\0\0\0" + bytes([4, 3, STEPS, 0])
    lut += fixed([1, 0, 0, 0, 1, 0, 0, 0, 1]) + same * 4 + table + same * 3
    return profile(b"CMYK", [(b"A2B0", lut)], b"Lab ", b"prtr")
