# SPDX-License-Identifier: GPL-2.0-only
"""Sound requests of both dialects, in the order in which they do something: what a fuzzer of PF_KEY begins with.

Few names, so that what is made of one meets what was made of another.
"""

import pathlib
import struct

from . import kame, pfkey, spd
from .kame import ANY, FWD, IN, OUT, TRANSPORT, TUNNEL, UNIQUE, USE
from .pfkey import AH, COMP, DELETE, DST, ESP, GET, GETSPI, IDENT_DST, IDENT_SRC, INT, IPIP, REGISTER, SRC, UPDATE, ext, message
from .suites import AH_SUITES, SUITES

HERE, PEER, OTHER = "192.0.2.1", "192.0.2.2", "192.0.2.3"
HERE6, PEER6 = "2001:db8::1", "2001:db8::2"
OURS, THEIRS = ("10.1.0.0", "255.255.0.0"), ("10.2.0.0", "255.255.0.0")
OURS6, THEIRS6 = ("2001:db8:1::", "ffff:ffff:ffff::"), ("2001:db8:2::", "ffff:ffff:ffff::")
SPIS = (0x1000, 0x1001, 0x1002, 0x2000, 0x2001, 0x3000)
# AES-CBC with HMAC-SHA1 in either dialect.
PLAIN = {"auth": 3, "encrypt": 12, "auth_key": bytes(range(20)), "enc_key": bytes(range(16))}
GCM = {"encrypt": 20, "enc_key": bytes(range(36))}
# Of the other algorithms, as the kernel looks for modules whenever two meet for the first time.
FEW = ("aes256-gcm", "3des-md5-96", "null-sha2-256-96", "aes128-ccm-8", "hmac-sha2-512-256", "aes-cmac-96")
SHUNTS = range(256, 262)
PLUMBIF, UNPLUMBIF, EXPIRE, ACQUIRE, SAREF, NATT_OA = 18, 19, 8, 6, 32, 30


def recorded(name):
    """What clients wrote, in a file of `data`."""
    path = pathlib.Path(__file__).parent.parent / "data" / name
    return [bytes.fromhex(line.split()[1]) for line in path.read_text(encoding="ascii").splitlines()
            if line and line[0] not in "#["]


def _named(kind, satype, spi, dst=PEER, src=HERE, sa=pfkey.sa):
    return message(kind, satype, sa(spi), pfkey.address(SRC, src), pfkey.address(DST, dst))


def _tunnel(dst, src, flow, how, tun, esp, **words):
    """SAs, a group and an eroute of KLIPS."""
    return [pfkey.add(IPIP, dst, tun, src), pfkey.add(ESP, dst, esp, src, **{**PLAIN, **words}),
            pfkey.group((IPIP, dst, tun), (ESP, dst, esp)), pfkey.addflow(flow, dst, tun, IPIP, how),
            _named(GET, ESP, esp, dst, src), _named(GET, IPIP, tun, dst, src)]


def _each_suite(add):
    """Algorithms, some at a time: made, read, changed, deleted."""
    esp = [(ESP, {"auth": one.auth_id, "encrypt": one.enc_id, "auth_key": bytes(one.auth_len),
                  "enc_key": bytes(range(one.cipher_len))}) for one in SUITES if one.name in FEW]
    ah = [(AH, {"auth": one.auth_id, "auth_key": bytes(range(one.auth_len))}) for one in AH_SUITES if one.name in FEW]
    for at in range(0, len(FEW), 3):
        steps = []
        for spi, (satype, words) in zip(SPIS, (esp + ah)[at:at + 3], strict=False):
            steps += [add(satype, spi, pfkey.ADD, words), _named(GET, satype, spi), add(satype, spi, UPDATE, words),
                      _named(DELETE, satype, spi)]
        yield steps


def klips():
    """Programs in the dialect of KLIPS."""
    flow, back = pfkey.flow(*OURS, *THEIRS), pfkey.flow(*THEIRS, *OURS)
    flow6, narrow = pfkey.flow(*OURS6, *THEIRS6), pfkey.flow(*OURS, *THEIRS, 17, 500, 4500)
    out = _tunnel(PEER, HERE, flow, 0, 0x1000, 0x1001, replay=64)
    # A limit that time reaches, and one that packets do.
    limits = [pfkey.lifetime(3, addtime=2, packets=40), pfkey.lifetime(4, addtime=1, octets=3000)]
    idents = [ext(which, struct.pack("=HHQ", 2, 0, 7) + b"gw.example.org\0") for which in (IDENT_SRC, IDENT_DST)]
    natt = pfkey.natt(4500, 4500)
    shunt = [pfkey.addflow(flow, "0.0.0.0", spi, INT, pfkey.REPLACEFLOW) for spi in SHUNTS]
    device = [ext(31, struct.pack("=HH", number, 0)) for number in (49152 + 3, 49152 + 4)]
    debug = [message(16, 0, ext(25, struct.pack("=12I4x", *words))) for words in ((1, 1 << 31, *[1] * 10), (0,) * 12)]
    yield [pfkey.INTRODUCTION] + [message(REGISTER, satype) for satype in (AH, ESP, COMP, IPIP)]
    yield out + [pfkey.addflow(flow, OTHER, 0x1000, IPIP, pfkey.REPLACEFLOW), pfkey.delflow(flow), _named(DELETE, IPIP, 0x1000)]
    yield _tunnel(HERE, PEER, back, pfkey.INFLOW, 0x2000, 0x2001, replay=64, flags=pfkey.ESN)
    yield _tunnel(PEER6, HERE6, flow6, 0, 0x1000, 0x1002, **GCM) + [pfkey.delflow(flow6)]
    comp, esp, ah = (COMP, PEER, 0x1002), (ESP, PEER, 0x1001), (AH, PEER, 0x2000)
    yield out[:1] + [pfkey.add(*comp, HERE, encrypt=2), pfkey.add(*esp, HERE, **PLAIN),
                     pfkey.add(*ah, HERE, auth=3, auth_key=bytes(20)), pfkey.group(esp, ah), pfkey.group(comp, esp),
                     pfkey.group((IPIP, PEER, 0x1000), comp),
                     pfkey.addflow(flow, PEER, 0x1000, IPIP, pfkey.REPLACEFLOW), pfkey.group((IPIP, PEER, 0x1000))]
    yield out[:2] + [pfkey.add(*comp, HERE, encrypt=2), pfkey.add(*ah, HERE, auth=3, auth_key=bytes(20)),
                     pfkey.group((IPIP, PEER, 0x1000), comp, esp), pfkey.group(esp),
                     pfkey.group((IPIP, PEER, 0x1000), comp, esp, ah), pfkey.group(comp, esp, ah, ah)]
    yield shunt + [pfkey.addflow(narrow, "0.0.0.0", 260, INT), pfkey.delflow(narrow), pfkey.clear_flows()]
    yield [message(GETSPI, ESP, pfkey.address(SRC, HERE), pfkey.address(DST, PEER), pfkey.spirange(0x3000, 0x3000)),
           pfkey.add(ESP, PEER, 0x3000, HERE, kind=UPDATE, replay=32, **PLAIN), _named(GET, ESP, 0x3000),
           pfkey.add(ESP, PEER, 0x3000, HERE, kind=UPDATE, **GCM),
           message(GETSPI, AH, pfkey.address(SRC, HERE), pfkey.address(DST, PEER), pfkey.spirange(0x100, 0xffffffff))]
    yield [pfkey.add(ESP, PEER, 0x2001, HERE, lifetimes=limits, **PLAIN), _named(GET, ESP, 0x2001),
           pfkey.addflow(flow, PEER, 0x2001, ESP, pfkey.REPLACEFLOW),
           pfkey.add(ESP, PEER, 0x2001, HERE, kind=UPDATE, lifetimes=limits, **PLAIN)]
    yield [pfkey.add(ESP, PEER, 0x1002, HERE, more=[*natt, pfkey.address(NATT_OA, "10.9.9.9")], **PLAIN),
           pfkey.add(ESP, PEER, 0x1002, HERE, kind=UPDATE, more=natt[1:], **PLAIN), _named(GET, ESP, 0x1002)]
    saref = ext(SAREF, struct.pack("=III", 17, 18, 0))
    yield [pfkey.add(ESP, PEER, 0x2000, HERE, more=[*idents, saref, pfkey.address(7, OTHER)], **PLAIN),
           _named(GET, ESP, 0x2000),
           message(14, INT, pfkey.sa(260, state=0), pfkey.address(SRC, HERE), pfkey.address(DST, PEER), *flow, *idents)]
    # A window that is said in the last word of the SA.
    wide = ext(1, struct.pack("!I", 0x1001) + struct.pack("=BBBBIII", 64, 1, 3, 12, 0, 0, 4096))
    yield [message(pfkey.ADD, ESP, wide, pfkey.address(SRC, HERE), pfkey.address(DST, PEER), pfkey.key(8, bytes(20)),
                   pfkey.key(9, bytes(16))), _named(GET, ESP, 0x1001)]
    yield [message(PLUMBIF, 0, device[0]), message(UNPLUMBIF, 0, device[0]), message(PLUMBIF, 0, device[1])]
    yield [*debug, message(EXPIRE, ESP), message(pfkey.FLUSH, ESP), message(pfkey.FLUSH, 0), message(12, 0), message(17, ESP)]
    yield from _each_suite(lambda satype, spi, kind, words: pfkey.add(satype, PEER, spi, HERE, kind=kind, **words))


def linux():
    """Programs in the dialect of Linux."""
    ends, ends6 = (HERE, PEER), (HERE6, PEER6)
    nets = "10.1.0.0/16", "10.2.0.0/16"
    tunnel, moved = (spd.template(ESP, TUNNEL, UNIQUE, 17, HERE, peer) for peer in (PEER, OTHER))
    bundle = [spd.template(COMP, TRANSPORT, USE), tunnel, spd.template(AH, TRANSPORT)]
    limits = [kame.lifetime(3, addtime=2, allocations=40), kame.lifetime(4, addtime=1, usetime=1)]
    natt = [ext(kame.NATT_TYPE, bytes([2, 0, 0, 0])),
            *(ext(which, struct.pack("!HH", 4500, 0)) for which in (kame.NATT_SPORT, kame.NATT_DPORT))]
    named = {"satype": ESP, "sa": kame.sa}
    yield [message(kame.SPDDUMP, 0)] + [message(REGISTER, satype) for satype in (AH, ESP, kame.IPCOMP)]
    spis = ext(16, struct.pack("=III", 0x3000, 0x3000, 0))
    yield [message(GETSPI, ESP, spis, kame.sa2(TUNNEL), spd.address(SRC, PEER), spd.address(DST, HERE)),
           spd.add(ESP, PEER, HERE, 0x3000, reqid=17, kind=UPDATE, replay=32, **PLAIN),
           spd.add(ESP, *ends, 0x1001, reqid=17, replay=32, **PLAIN), _named(GET, spi=0x1001, **named), message(pfkey.DUMP, 0),
           spd.spd(kame.SPDADD, *nets, templates=[tunnel]), message(kame.SPDDUMP, 0), _named(DELETE, spi=0x1001, **named)]
    yield [spd.spd(kame.SPDUPDATE, *nets, *limits, direction=way, templates=[tunnel], priority=9) for way in (IN, OUT, FWD)] + [
        spd.numbered(kind, number) for kind in (kame.SPDGET, kame.SPDDELETE2) for number in (1, 8, 9, 10, 16, 17)] + [
            spd.spd(kame.SPDDELETE, *nets, direction=OUT)]
    yield [spd.spd(kame.SPDADD, *nets, templates=bundle, proto=17, ports=(500, 0)),
           spd.add(AH, *ends, 0x2000, TRANSPORT, auth=3, auth_key=bytes(20)),
           spd.add(kame.IPCOMP, *ends, 0x1002, ANY, encrypt=2),
           spd.add(ESP, *ends, 0x2001, ANY, reqid=17, more=limits, **GCM),
           spd.spd(kame.SPDSETIDX, "0.0.0.0/0", "10.2.3.4/32", action=kame.NONE),
           spd.spd(kame.SPDADD, *nets, action=kame.DISCARD, direction=IN)]
    yield [spd.add(ESP, *ends6, 0x1000, TRANSPORT, **PLAIN),
           spd.spd(kame.SPDADD, "2001:db8:1::/48", "::/0", templates=[spd.template(ESP, TUNNEL, 2, 0, *ends6)]),
           message(kame.SPDFLUSH, 0), message(pfkey.FLUSH, 0)]
    daemons = ext(25, bytes(4) + spd.sockaddr(HERE) + spd.sockaddr(PEER))
    yield [spd.add(ESP, *ends, 0x1001, reqid=17, **PLAIN), spd.spd(kame.SPDADD, *nets, templates=[tunnel]),
           spd.spd(kame.MIGRATE, *nets, templates=[tunnel, moved]),
           spd.spd(kame.MIGRATE, *nets, daemons, templates=[moved, tunnel])]
    behind = [*natt, spd.address(kame.NATT_OA, "10.9.9.9")]
    yield [spd.add(ESP, *ends, 0x2000, TRANSPORT, more=behind, flags=pfkey.ESN, replay=128, **PLAIN),
           _named(GET, spi=0x2000, **named), spd.add(ESP, *ends, 0x2000, TRANSPORT, more=natt, kind=UPDATE, **PLAIN)]
    network = ext(26, bytes(32) + struct.pack("=HBB", 2, 0, 0))
    yield [message(pfkey.PROMISC, 1), message(pfkey.DUMP, ESP, network), message(pfkey.PROMISC, 0)]
    yield [message(ACQUIRE, ESP, seq=number, err=71) for number in (1, 2, 3)] + [
        message(ACQUIRE, ESP, spd.address(SRC, HERE), spd.address(DST, PEER)), message(EXPIRE, ESP), message(12, 0),
        message(21, 0), message(23, ESP)]
    yield from _each_suite(lambda satype, spi, kind, words: spd.add(satype, *ends, spi, kind=kind, **words))


# What each dialect takes away everything with.
CLEAR = {"klips": (message(pfkey.FLUSH, 0), pfkey.clear_flows()), "linux": (message(pfkey.FLUSH, 0), message(kame.SPDFLUSH, 0))}


def programs():
    """All of them: the dialect of each, and its messages."""
    recordings = [("klips", recorded("clients.txt")), ("linux", recorded("iked.txt"))]
    return [("klips", steps) for steps in klips()] + [("linux", steps) for steps in linux()] + recordings
