# SPDX-License-Identifier: GPL-2.0-only
"""The matrix of everything that can be combined: algorithms, bundles of protocols, modes, families, UDP, ESN."""

import os
from dataclasses import dataclass, field, replace

from .suites import AH_SUITES, BY_NAME, MORE

# Each cipher once, with each authentication at least once, and each AEAD.
ROWS = [BY_NAME[name] for name in ("aes128-sha1-96", "aes192-md5-96", "aes256-sha2-256-128", "3des-sha1-96", "aes128-gcm")]
# tshark's Twofish has no keys of 192 bits.
ROWS += [replace(suite, name="twofish256-aes-xcbc-96", cipher_len=32) if suite.name.startswith("twofish192") else suite
         for suite in MORE]
# Mode, inner family, outer family.
WAYS = [("tunnel", 4, 4), ("tunnel", 6, 4), ("tunnel", 4, 6), ("tunnel", 6, 6), ("transport", 4, 4), ("transport", 6, 6)]
BUNDLES = ("ESP", "IPComp+ESP", "AH+ESP", "AH")

# What cannot be, and is left out of the table.
NO_TRANSPORT = "transport mode has one IP header: 6 in 4 and 4 in 6 are not there"
NO_AH_IN_UDP = "AH does not pass NAT, and no RFC puts it into UDP"
# XFRM has no state for a second template behind a tunnel of another family (XfrmOutNoStates, with XFRM at both ends too).
NO_XFRM = "XFRM finds no second SA behind a tunnel of another family: KLIPS at both ends"
# __xfrm6_udp_encap_rcv, which opens UDP for KLIPS too, looks for an IPv6 header that has been taken off already.
SMALL, NO_SMALL = 40, "Linux drops ESP of less than 40 bytes in UDP over IPv6: echoes that make such are left out"


@dataclass(frozen=True)
class Cell:
    """One cell of the matrix."""

    number: int
    bundle: str
    mode: str
    inner: int
    outer: int
    esp: object = None
    ah: object = None
    udp: bool = False
    esn: bool = False
    # The keys of each direction: 0 from A to B, 1 back.
    keys: list = field(default_factory=list, compare=False)

    def __post_init__(self):
        for _ in (0, 1):
            self.keys.append({"esp": self.esp.keys() if self.esp else None,
                              "ah": os.urandom(self.ah.auth_len) if self.ah else None})

    def __str__(self):
        return f"{self.row} {self.column}"

    @property
    def row(self):
        """Bundle and algorithms."""
        return " ".join([self.bundle, *(suite.name for suite in (self.esp, self.ah) if suite)]) + (" ESN" if self.esn else "")

    @property
    def column(self):
        """Mode and families, UDP."""
        return f"{self.mode} {self.inner}in{self.outer}" + (" UDP" if self.udp else "")

    @property
    def members(self):
        """The SAs besides that of the tunnel, inner to outer."""
        return [name for name, there in (("comp", "IPComp" in self.bundle), ("esp", self.esp), ("ah", self.ah)) if there]

    @property
    def beyond_xfrm(self):
        """Whether XFRM cannot be the far end."""
        return self.inner != self.outer and len(self.members) > 1

    def too_small(self, size):
        """Whether a payload, or inner packet, of that size makes ESP that Linux does not take."""
        if not self.udp or self.outer == 4:
            return False
        text = -(-(size + 2) // self.esp.block) * self.esp.block
        return 8 + self.esp.iv_bits // 8 + text + self.esp.icv_bits // 8 < SMALL

    def spi(self, direction, member):
        """The SPI of an SA; a CPI has 16 bits, and nobody tells cells apart by it."""
        base = 0x1000 if member == "comp" else 0x10000 + 0x100 * self.number
        return base + 0x80 * direction + 0x10 * ("tun", "comp", "esp", "ah").index(member)

    @property
    def fits(self):
        """The longest inner packet, or in transport mode payload with IP header, that makes an outer one of 1500 bytes."""
        header = {4: 20, 6: 40}
        room = 1500 - header[self.outer]
        if self.ah:
            room -= -(-(12 + self.ah.icv_len) // (4 if self.outer == 4 else 8)) * (4 if self.outer == 4 else 8)
        if self.udp:
            room -= 8
        if self.esp:
            room -= 8 + self.esp.iv_bits // 8 + self.esp.icv_bits // 8
            room -= room % self.esp.block + 2
        return room if self.mode == "tunnel" else room + header[self.outer]


def complete():
    """All cells."""
    cells = []

    def put(*args, **words):
        cells.append(Cell(len(cells), *args, **words))

    for bundle in BUNDLES:
        for i, suite in enumerate(AH_SUITES if bundle == "AH" else ROWS):
            esp, ah = (None, suite) if bundle == "AH" else (suite, AH_SUITES[i % len(AH_SUITES)] if "AH" in bundle else None)
            for udp in (False,) if "AH" in bundle else (False, True):
                for way in WAYS:
                    put(bundle, *way, esp, ah, udp)
            # IPComp has no sequence numbers, and cannot change what they do. ip(8) takes one flag for an SA, which in AH
            # over IPv4 is the alignment.
            if bundle in ("ESP", "AH"):
                for mode, inner, outer in (WAYS[0], WAYS[3], WAYS[4], WAYS[5]):
                    if bundle == "ESP" or outer == 6:
                        put(bundle, mode, inner, outer, esp, ah, False, True)
    return cells


def core(cells):
    """Some of them: every algorithm, and every bundle in every mode, family and with UDP; extended numbers."""
    chosen, used, ways = [], set(), set()
    for bundle in BUNDLES:
        mine = [cell for cell in cells if cell.bundle == bundle and not cell.esn]
        rows = list(dict.fromkeys(cell.row for cell in mine))
        columns = list(dict.fromkeys(cell.column for cell in mine))
        # The next row for each column; those that no bundle has had go first.
        rows.sort(key=lambda row: row.split(" ", 1)[1] in used)
        for i in range(max(len(rows) if bundle in ("ESP", "AH") else 0, len(columns))):
            row, column = rows[i % len(rows)], columns[i % len(columns)]
            used.add(row.split(" ", 1)[1])
            ways.add((bundle, column))
            chosen += [cell for cell in mine if (cell.row, cell.column) == (row, column)]
    for name in ("aes128-sha1-96", "aes128-gcm"):
        chosen += [cell for cell in cells if cell.esn and cell.esp and cell.esp.name == name]
    return chosen + [cell for cell in cells if cell.esn and cell.ah and cell.ah.name == "hmac-sha1-96"]


def chosen(words):
    """What MATRIX asks for: nothing, the core; `all`; or cells with these words in their names."""
    cells = complete()
    if not words:
        return core(cells)
    return cells if words == "all" else [cell for cell in cells if words in str(cell)]


def table(results):
    """Lines that show what came of each cell: `results` has a mark for each."""
    columns = [f"{mode} {inner}in{outer}{udp}" for udp in ("", " UDP") for mode, inner, outer in WAYS]
    rows = dict.fromkeys(cell.row for cell in results)
    marks = {(cell.row, cell.column): mark for cell, mark in results.items()}
    head = [("tun" if column.startswith("tun") else "tra") + column.split(" ")[1][0] + "/" + column.split(" ")[1][3] +
            ("u" if "UDP" in column else "") for column in columns]
    yield " " * 50 + " ".join(f"{name:6}" for name in head)
    for row in rows:
        yield f"{row:50}" + " ".join(f"{marks.get((row, column), absent(row, column)):6}" for column in columns).rstrip()


def absent(row, column):
    """The mark of a cell that is not there."""
    return "-" if "AH" in row.split(" ")[0] and "UDP" in column else "."
