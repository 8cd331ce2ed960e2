# SPDX-License-Identifier: GPL-2.0-only
"""What real clients wrote to KLIPS, message by message, and whether they would accept what this module answers.

`data/clients.txt` has the messages. Where KLIPS itself answered otherwise, DIFFERENCES says so and why; everything else
must be as the clients' library wants it (`klipstest/client.py`), and must lead to the tables that the clients look at.
"""

import pathlib
import struct

from klipstest import client
from klipstest.netns import Netns
from klipstest.pfkey import (
    ADD, ADDFLOW, AH, COMP, DELETE, DST, DST2, DST_FLOW, DST_MASK, ESP, FLUSH, GET, GRPSA, IPIP,
    LIFETIME_CURRENT, MATURE, REGISTER, SA, SA2, SATYPE2, SRC, SRC_FLOW, SRC_MASK, Message, PfKey, add, clear_flows,
    message)
from klipstest.tap import case, check, contains, end, equal

US, PEER = "10.9.0.1", "10.9.0.2"
OURS, THEIRS = "10.1.0.0/24", "10.2.0.0/24"

# What is told or done otherwise than by the KLIPS that the clients were written for; their manners do not change by it.
DIFFERENCES = """
GET finds the SA. KLIPS looked under protocol 0 and never did; libreswan's daemon logged "failed to pull traffic counters"
  and went on.
The port 500 in the SA's address, from Openswan's daemon, is neither kept nor told: it means nothing.
References from Openswan's daemon that no SA can have (0xffff0001) count as none; the answer tells a good one.
REGISTER lists algorithms that KLIPS had not, and none that the running kernel lacks.
FLUSH and the clearing of eroutes are heard by everybody, as ever; nothing that waits in a hold leaks.
"""

ns = Netns("k-clients")
ns.ip("link add wan0 type dummy", f"addr add {US}/24 dev wan0", "link set wan0 up")


def recorded():
    """The messages: those of each client, with the names of the steps."""
    clients = {}
    path = pathlib.Path(__file__).parent / "data" / "clients.txt"
    for line in path.read_text(encoding="ascii").splitlines():
        if line.startswith("["):
            steps = clients.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            name, text = line.split()
            steps.append((name, bytes.fromhex(text)))
    return clients


def table(name):
    """The rows of a listing."""
    return ns.read(f"/proc/net/ipsec_{name}").splitlines()


def reset():
    """Empty tables."""
    with PfKey(ns, shy=True) as key:
        key.write(message(FLUSH, 0))
        key.write(clear_flows())


def answers_to(data, got):
    """Whether an answer says what was asked; of the SA, what the kernel may not change."""
    asked = Message(data)
    equal(got.satype, asked.satype, "satype")
    for kind in {SA, SA2} & set(asked.exts) & set(got.exts):
        if got.kind in (DELETE, GET):
            equal(got.sa(kind)[0], asked.sa(kind)[0], "SPI")
        elif got.kind in (ADD, ADDFLOW, GRPSA):
            equal(got.sa(kind)[:5], asked.sa(kind)[:5], "SPI, window, state and algorithms")
    equal(got.exts.get(SATYPE2), asked.exts.get(SATYPE2), "second satype")
    for kind in (SRC, DST, DST2, SRC_FLOW, DST_FLOW, SRC_MASK, DST_MASK):
        if kind in got.exts and kind in asked.exts:
            equal(got.address(kind), asked.address(kind), f"address {kind}")
            check(got.exts[kind][0] == 0 and got.exts[kind][6:8] == b"\0\0", f"protocol or port in address {kind}")
    check(set(got.exts) >= set(asked.exts) - {8, 9}, f"{got} lacks some of {asked}")


def register(daemon, pid):
    """The daemon's first four messages."""
    offers = {}
    for seq, satype in enumerate((AH, ESP, COMP, IPIP), 1):
        offers[satype] = client.algorithms(daemon.request(message(REGISTER, satype, seq=seq, pid=pid)))
    auth, encrypt = offers[ESP]
    check({2, 3, 5} <= set(auth), f"authentication {auth}")
    check({12, 3} <= set(encrypt), f"encryption {encrypt}")
    # The library looks for a key of the length that the peer agrees to.
    equal((auth[3][1:], auth[2][1:]), ((160, 160), (128, 128)), "key lengths of SHA1 and MD5")
    check(encrypt[12][1] <= 128 <= encrypt[12][2], f"key lengths of AES {encrypt[12]}")


def spi_of(data):
    """The SPI that a message names."""
    return Message(data).sa()[0]


CLIENTS = recorded()

for name, first_tun in (("pluto of Openswan 2.6.49.1", 0x1001), ("pluto of libreswan 3.32", 0x1000)):
    steps = CLIENTS[name]
    esp = [spi_of(data) for step, data in steps if step == "up-add-esp"]
    out_tun, in_tun = (f"tun{spi:#x}@{host}" for spi, host in ((first_tun, PEER), (first_tun + 1, US)))
    out_esp, in_esp = (f"esp{spi:#x}@{host}" for spi, host in zip(esp, (PEER, US), strict=True))

    with case(f"{name}: everything that it starts and sets up with is answered as it wants it"):
        reset()
        daemon, listener = client.Daemon(ns), PfKey(ns, shy=True)
        pid = struct.unpack_from("=I", steps[0][1], 12)[0]
        register(daemon, pid)
        for step, data in steps:
            if not step.startswith("up-"):
                break
            answers_to(data, daemon.request(data))
            if step == "up-addflow" and data == steps[0][1]:
                equal(client.scan_eroutes(ns.read("/proc/net/ipsec_eroute")), [(0, OURS, THEIRS, "%trap", "")], "the trap")

    with case(f"{name}: the tunnel is in the tables, as its own scans read them"):
        equal(client.scan_eroutes(ns.read("/proc/net/ipsec_eroute")), [(0, OURS, THEIRS, out_tun, "")], "eroutes")
        equal(sorted(row.split()[0] for row in table("spi")), sorted((out_tun, out_esp, in_tun, in_esp)), "SAs")
        groups = {row.split()[0]: row.split() for row in table("spigrp")}
        equal((groups[out_tun], groups[in_esp]), ([out_tun, out_esp], [in_esp, in_tun]), "groups")
        rows = {row.split()[0]: row for row in table("spi")}
        for said in (out_esp, in_esp):
            contains(rows[said], " ESP_AES_HMAC_SHA1: ", said)
            contains(rows[said], " aklen=160 ", said)
            contains(rows[said], " eklen=128 ", said)
        contains(rows[out_esp], " dir=out ", out_esp)
        contains(rows[in_esp], " dir=in ", in_esp)
        contains(rows[in_tun], f" policy={THEIRS}->{OURS} ", in_tun)
        check(all(len(row) <= 1023 for row in rows.values()), "a line too long for its scan")

    with case(f"{name}: everything that it takes down with is answered as it wants it"):
        for step, data in steps:
            if not step.startswith("down-"):
                continue
            got = daemon.request(data)
            answers_to(data, got)
            if step == "down-get":
                # Where it takes the traffic from.
                equal(len(got.exts[LIFETIME_CURRENT]), 36, "length of the counters")
                equal(got.sa()[2:5], (MATURE, 3, 12), "state and algorithms")
            if step == "down-addflow":
                equal(client.scan_eroutes(ns.read("/proc/net/ipsec_eroute")), [(0, OURS, THEIRS, "%trap", "")], "the trap")

    with case(f"{name}: deleting the ESP SAs took their groups along, and nothing is left"):
        equal((table("spi"), table("spigrp"), table("eroute")), ([], [], []), "SAs, groups and eroutes")

    with case(f"{name}: another listener has heard all but what is the requester's own, nothing twice"):
        heard = listener.drain()
        told = [(data[1], struct.unpack_from("=I", data, 8)[0]) for step, data in steps if step != "down-get"]
        equal([(got.kind, got.seq) for got in heard], told, "type and number of what it heard")
        equal({got.pid for got in heard}, {pid}, "pids")
        for got in heard:
            client.parse(got.data)
        equal(daemon.heard, [], "what the daemon heard besides")

    with case(f"{name}: a listener that never reads changes nothing"):
        with PfKey(ns, shy=True) as deaf:
            for number in range(30):
                for step, data in steps:
                    answers_to(data, daemon.request(data))
                    listener.drain()
            check(deaf.readable() and number == 29, "it heard nothing")
        equal((table("spi"), table("eroute")), ([], []), "SAs and eroutes")
        daemon.close()
        listener.close()

TOOLS = dict(CLIENTS["tools of Openswan 2.6.49.1"])


def tool(name, answers=1):
    """A tool writes its message and ends; it reads nothing. What another listener hears of it."""
    with PfKey(ns, shy=True) as listener:
        with PfKey(ns, shy=True) as key:
            equal(key.write(TOOLS[name]), 0, f"errno of {name}")
        heard = listener.drain()
    equal([(got.kind, got.errno, got.seq) for got in heard], [(TOOLS[name][1], 0, 1)] * answers, f"what is heard of {name}")
    return heard


with case("spi makes SAs, spigrp groups them"):
    reset()
    client.parse(tool("spi-esp")[0].data)
    client.parse(tool("spi-tun")[0].data)
    client.parse(tool("spigrp")[0].data)
    equal(sorted(row.split()[0] for row in table("spi")), ["esp0x1234@10.0.0.2", "tun0x1235@10.0.0.2"], "SAs")
    row = next(row for row in table("spi") if row.startswith("esp"))
    contains(row, "esp0x1234@10.0.0.2 ESP_3DES_HMAC_MD5: dir=out src=10.0.0.1 ", "the SA")
    contains("\n".join(table("spigrp")), "tun0x1235@10.0.0.2 esp0x1234@10.0.0.2 ", "groups")

with case("eroute adds, deletes and clears"):
    wanted = [(0, OURS, THEIRS, "tun0x1235@10.0.0.2", "")]
    client.parse(tool("eroute-add")[0].data)
    equal(client.scan_eroutes(ns.read("/proc/net/ipsec_eroute")), wanted, "eroutes")
    client.parse(tool("eroute-del")[0].data)
    equal(table("eroute"), [], "eroutes")
    tool("eroute-add")
    # This answer has no flow, and the library would refuse it; the tool does not look, and the original sent the same.
    equal(sorted(tool("eroute-clear")[0].exts), [SA], "extensions of the answer")
    equal(table("eroute"), [], "eroutes")

with case("spi deletes an SA with its group, whatever the source it names, and clears"):
    client.parse(tool("spi-del")[0].data)
    equal(table("spi"), [], "SAs")
    for name in ("spi-esp", "spi-tun"):
        tool(name)
    client.parse(tool("spi-clear")[0].data)
    equal(table("spi"), [], "SAs")

with case("klipsdebug sets its bits, and nobody is answered"):
    tool("klipsdebug-pfkey", answers=0)
    contains(ns.read("/proc/net/ipsec_klipsdebug"), "debug_pfkey=ffffffff.\n", "the masks")
    check(ns.read("/proc/net/ipsec_klipsdebug").count("=00000000.\n") == 8, "other masks are set")
    with ns:
        pathlib.Path("/proc/sys/net/ipsec/debug_pfkey").write_text("0", encoding="ascii")

with case("a daemon with more SAs than there are small references still takes every answer"):
    reset()
    steps = CLIENTS["pluto of libreswan 3.32"]
    with PfKey(ns, shy=True) as key:
        for number in range(16_384):
            equal(key.write(add(IPIP, "10.9.0.3", 0x10000 + number)), 0, "errno")
    daemon = client.Daemon(ns)
    for step, data in steps:
        answers_to(data, daemon.request(data))
    daemon.close()
    reset()

ns.delete()
end()
