# SPDX-License-Identifier: GPL-2.0-only
"""Each allocation of a request of PF_KEY fails once.

What is refused says so by an errno that is not another one's, and has changed nothing; what is done has been done whole;
afterwards the same request works. That nothing is lost is seen when the guest ends (kmemleak), and that the kernel does not
complain by its log. On a kernel that cannot fail allocations all of it is skipped.
"""

import errno
import os
import re
import socket
import struct

from klipstest import fault, pfkey
from klipstest.netns import Netns
from klipstest.pfkey import AH, COMP, ESP, IPIP, PfKey, add, addflow, delflow, flow, group
from klipstest.suites import AH_SUITES, BY_NAME
from klipstest.tap import case, end, note

fault.require()

US, PEER = "10.9.0.1", "10.9.0.2"
NET = flow("10.1.0.0", "255.255.0.0", "10.2.0.0", "255.255.0.0")
HOLD = 259

ns = Netns("k-fault")
ns.ip("link add wan0 type dummy", f"addr add {US}/24 dev wan0", "link set wan0 up")
fault.set_up(fault.module_text())
ns.__enter__()


def plain(text):
    """A listing without what differs from one time to the next."""
    return re.sub(r"(iv=0x\w+|\b(ref|refhim|idle)=\d+|(add|use)time\(\d+)", "", text)


listings = fault.Listings(*["ipsec_" + name for name in ("eroute", "spi", "spigrp", "tncfg")])


def tables():
    """All that there is to be seen of SAs, eroutes and devices."""
    return listings.read(plain), sorted(name for _, name in socket.if_nameindex())


requests = fault.Requests(PfKey(), tables)
asks, sure, swept = requests.asks, requests.sure, requests.swept


def delete(satype, spi, dst=PEER):
    """Takes an SA away."""
    return pfkey.message(pfkey.DELETE, satype, pfkey.sa(spi, state=0), pfkey.address(pfkey.SRC, US), pfkey.address(pfkey.DST, dst))


def esp(suite, spi=0x1000, **words):
    """ADD or UPDATE of an ESP SA."""
    enc, auth = suite.keys()
    return add(ESP, PEER, spi, src=US, enc_key=enc, auth_key=auth, encrypt=suite.enc_id, auth=suite.auth_id, replay=64, **words)


AES = BY_NAME["aes128-sha1-96"]
IDENTS = [pfkey.ext(kind, struct.pack("=HHQ", 2, 0, 0) + b"gw.example\0") for kind in (pfkey.IDENT_SRC, pfkey.IDENT_DST)]
LIVES = [pfkey.lifetime(kind, addtime=100_000, octets=1 << 30) for kind in (pfkey.LIFETIME_HARD, pfkey.LIFETIME_SOFT)]

with case("a socket"):
    made = []

    def open_socket():
        try:
            made.append(socket.socket(pfkey.PF_KEY, socket.SOCK_RAW, pfkey.PF_KEY_V2))
        except OSError as error:
            return error.errno
        return 0

    def close_sockets():
        while made:
            made.pop().close()

    swept("socket", open_socket, close_sockets, (errno.ENOMEM, errno.ENOBUFS))

for suite in [BY_NAME[name] for name in ("aes128-sha1-96", "aes256-gcm", "aes128-ctr-sha2-384-192", "chacha20-poly1305")]:
    with case(f"ADD of ESP with {suite.name}"):
        swept(f"ADD {suite.name}", asks(esp(suite)), sure(delete(ESP, 0x1000)), least=8)

for suite in AH_SUITES[:1]:
    with case(f"ADD of AH with {suite.name}"):
        swept(f"ADD AH {suite.name}", asks(add(AH, PEER, 0x1000, src=US, auth_key=os.urandom(suite.auth_len),
                                               auth=suite.auth_id)), sure(delete(AH, 0x1000)), least=6)

with case("ADD of IPIP, IPComp, of an SA with lifetimes and identities, and of one in UDP"):
    swept("ADD IPIP", asks(add(IPIP, PEER, 0x1000, src=US)), sure(delete(IPIP, 0x1000)), least=4)
    swept("ADD IPComp", asks(add(COMP, PEER, 0x1000, src=US, encrypt=2)), sure(delete(COMP, 0x1000)), least=4)
    swept("ADD with everything", asks(esp(AES, lifetimes=LIVES, more=IDENTS + pfkey.natt(4500, 4500))),
          sure(delete(ESP, 0x1000)), least=10)

with case("GETSPI, and UPDATE of what that made"):
    getspi = pfkey.message(pfkey.GETSPI, ESP, pfkey.spirange(0x1000, 0x1000), pfkey.address(pfkey.SRC, PEER),
                           pfkey.address(pfkey.DST, PEER))
    swept("GETSPI", asks(getspi), sure(delete(ESP, 0x1000)), least=3)
    sure(getspi)()
    swept("UPDATE of a larval SA", asks(esp(AES, kind=pfkey.UPDATE)), sure(delete(ESP, 0x1000), getspi), least=6)
    sure(delete(ESP, 0x1000))()

with case("UPDATE in the middle of a group with a policy"):
    for n in range(4):
        sure(add(IPIP, PEER, 0x2000, src=US) if n == 0 else esp(AES, 0x2000 + n))()
    names = [(IPIP if n == 0 else ESP, PEER, 0x2000 + n) for n in range(4)]
    chain = [group(names[n], names[n + 1]) for n in range(3)]
    sure(*chain)()
    swept("UPDATE of one of a group", asks(esp(AES, 0x2002, kind=pfkey.UPDATE, lifetimes=LIVES)),
          sure(esp(AES, 0x2002, kind=pfkey.UPDATE)), least=6)
    policy = [addflow(NET if n else flow("10.3.0.0", "255.255.0.0", "10.4.0.0", "255.255.0.0"), PEER, 0x2000, IPIP,
                      flags=pfkey.INFLOW | pfkey.POLICYONLY) for n in range(2)]
    sure(policy[0])()
    swept("ADDFLOW of an inbound policy", asks(policy[1]), sure(policy[0]), least=2)
    swept("UPDATE of a tunnel with a policy", asks(add(IPIP, PEER, 0x2000, src=US, kind=pfkey.UPDATE, lifetimes=LIVES)),
          sure(add(IPIP, PEER, 0x2000, src=US, kind=pfkey.UPDATE)), least=4)

with case("GRPSA: an SA more, and the end of the group"):
    sure(group(names[0]))()
    swept("GRPSA", asks(chain[0]), sure(group(names[0])), least=2)
    sure(*chain)()
    swept("GRPSA that dissolves", asks(group(names[1])), sure(*chain))

with case("GRPSA of four SAs: all of them, or none"):
    sure(group(names[0]))()
    for count in (3, 4):
        swept(f"GRPSA of {count}", asks(group(*names[:count])), sure(group(names[0])), least=count)
    sure(*chain)()

with case("GET, DELETE of a group, FLUSH, EXPIRE"):
    swept("GET", asks(pfkey.message(pfkey.GET, ESP, pfkey.sa(0x2001, state=0), pfkey.address(pfkey.SRC, US),
                                    pfkey.address(pfkey.DST, PEER))))
    swept("EXPIRE", asks(pfkey.message(pfkey.EXPIRE, ESP)))
    again = sure(add(IPIP, PEER, 0x2000, src=US), *[esp(AES, 0x2000 + n) for n in range(1, 4)], *chain, policy[0])
    swept("DELETE of a group", asks(delete(ESP, 0x2001)), again)
    swept("FLUSH", asks(pfkey.message(pfkey.FLUSH, 0)), again)
    sure(pfkey.message(pfkey.FLUSH, 0))()

with case("ADDFLOW: eroutes, with identities, shunts, one in the place of another, and under masks that were not there"):
    swept("ADDFLOW", asks(addflow(NET, PEER, 0x1000, ESP)), sure(delflow(NET)), least=4)
    identified = pfkey.message(pfkey.ADDFLOW, ESP, pfkey.sa(0x1000, state=0), pfkey.address(pfkey.SRC, US),
                               pfkey.address(pfkey.DST, PEER), *NET, *IDENTS)
    swept("ADDFLOW with identities", asks(identified), sure(delflow(NET)), least=6)
    sure(addflow(NET, PEER, 0x1000, ESP))()
    swept("ADDFLOW that replaces", asks(addflow(NET, PEER, 0x1001, ESP, pfkey.REPLACEFLOW)),
          sure(addflow(NET, PEER, 0x1000, ESP, pfkey.REPLACEFLOW)), least=3)
    swept("ADDFLOW of a %hold", asks(addflow(NET, "0.0.0.0", HOLD, pfkey.INT, pfkey.REPLACEFLOW)),
          sure(addflow(NET, PEER, 0x1000, ESP, pfkey.REPLACEFLOW)), least=4)
    other = flow("10.1.2.0", "255.255.255.0", "10.2.2.0", "255.255.255.0", 6, 0, 25)
    swept("ADDFLOW under another mask", asks(addflow(other, PEER, 0x1000, ESP)), sure(delflow(other)), least=6)
    v6 = flow("2001:db8:1::", "ffff:ffff:ffff::", "2001:db8:2::", "ffff:ffff:ffff::")
    swept("ADDFLOW over IPv6", asks(addflow(v6, PEER, 0x1000, ESP)), sure(delflow(v6)), least=4)

with case("DELFLOW: of one, of the last under its mask, of all"):
    sure(addflow(other, PEER, 0x1000, ESP))()
    swept("DELFLOW", asks(delflow(other)), sure(addflow(other, PEER, 0x1000, ESP)))
    swept("DELFLOW of all", asks(pfkey.clear_flows()), sure(addflow(NET, PEER, 0x1000, ESP), addflow(other, PEER, 0x1000, ESP)))
    sure(pfkey.clear_flows())()

with case("tables that grow"):
    many = [flow(f"10.1.{n}.0", "255.255.255.0", "10.2.0.0", "255.255.0.0") for n in range(70)]
    sweep = fault.Sweep(tables, sure(pfkey.clear_flows()))

    def grow():
        for one in many:
            result = requests.ask(addflow(one, PEER, 0x1000, ESP))
            if result:
                # Each of them is whole, or not there; what came before stays.
                sure(pfkey.clear_flows())()
                return result
        return 0

    count = sweep.run(grow, first=1, step=17)
    note(f"70 eroutes: {count} allocations failed, {dict(sweep.outcomes)}")

end()
