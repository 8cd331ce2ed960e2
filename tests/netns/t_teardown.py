# SPDX-License-Identifier: GPL-2.0-only
"""Taking things away while they are in use: the module, namespaces, devices, sockets."""

import subprocess

from klipstest import pfkey
from klipstest.counters import Watch, device
from klipstest.netns import Netns, run, stop
from klipstest.packet import Sniffer
from klipstest.suites import BY_NAME
from klipstest.tap import SLOWER, case, check, contains, end, equal, fewer, until
from klipstest.topology import HOST_A, HOST_B, Klips, Topology, Xfrm, renew
from klipstest.traffic import ping, reaches, transfer

SUITE = BY_NAME["aes128-sha1-96"]


def loaded():
    """Whether klips is loaded."""
    with open("/proc/modules", encoding="ascii") as file:
        return any(line.startswith("klips ") for line in file)


def load():
    """Loads klips if it is not."""
    run("modprobe", "klips")


class Load:
    """Traffic in both directions until the end of the block: floods of echo requests, and TCP."""

    def __init__(self, topology):
        self._topology = topology
        self._running = []

    def __enter__(self):
        top = self._topology
        self._running = [
            top.hostA.start("ping", "-f", "-s", "200", HOST_B), top.hostB.start("ping", "-f", "-s", "1300", HOST_A),
            top.hostB.start("iperf3", "-s", "-1"),
            top.hostA.start("bash", "-c", f"until iperf3 -c {HOST_B} -t 60 --bidir; do sleep 0.1; done"),
        ]
        watch = Watch(top.gwA, device)
        until(lambda: watch.rose().get("rx_packets", 0) > 100 and watch.rose().get("tx_packets", 0) > 100, "traffic flows")
        return self

    def __exit__(self, *_):
        for process in self._running:
            stop(process)


def works(topology):
    """Pings both ways."""
    ping(topology.hostA, HOST_B)
    ping(topology.hostB, HOST_A)


def gone(ns_holding_the_peer, name):
    """Waits until the other end of a veth pair is gone: then its namespace has been taken apart."""
    until(lambda: ns_holding_the_peer.run("ip", "link", "show", name, ok=False).status != 0, f"{name} is gone", 30)


with case("the module is unloaded under traffic, loaded, and works again"):
    topology = Topology()
    ends = topology.tunnel(SUITE, Klips, Xfrm)
    for _ in range(fewer(3)):
        works(topology)
        with Load(topology):
            run("modprobe", "-r", "klips")
            check(not loaded(), "it is still loaded")
            for name in ("ipsec0", "ipsec1"):
                check(topology.gwA.run("ip", "link", "show", name, ok=False).status != 0, f"{name} is still there")
            load()
        ends[0].start()
        renew(SUITE, *ends[:2])
        works(topology)

with case("the same with KLIPS at both ends"):
    both = Topology("both-")
    ends_of_both = both.tunnel(SUITE, Klips, Klips)
    with Load(both):
        run("modprobe", "-r", "klips")
        load()
    for gateway in ends_of_both[:2]:
        gateway.start()
    renew(SUITE, *ends_of_both[:2])
    works(both)

with case("a namespace is deleted with SAs, eroutes, devices and traffic in it"):
    with Load(both):
        both.gwA.delete()
        gone(both.hostA, "lan0")
        gone(both.gwB, "wan0")
    both.delete()

with case("other namespaces do not notice"):
    ends[0].start()
    renew(SUITE, *ends[:2])
    works(topology)
    transfer(topology.hostA, topology.hostB, HOST_B)

with case("the physical device goes down under traffic, and comes up again: traffic flows without help"):
    top = topology.gwA
    with Load(topology):
        watch = Watch(top)
        top.ip("link set wan0 down")
        # Its routes have gone with it.
        until(lambda: {"tx_no_route", "tx_loop"} & set(watch.rose()), f"what cannot leave is counted: {watch.rose()}", 10)
        contains(top.read("/proc/net/ipsec_tncfg"), "ipsec0 -> wan0", "the table")
        top.ip("link set wan0 up")
        until(lambda: reaches(topology.hostA, HOST_B), "packets flow", 10)

with case("the physical device moves to another namespace under traffic, and back: nothing leaves meanwhile"):
    elsewhere = Netns("elsewhere")
    with Load(topology):
        watch = Watch(top)
        top.ip("link set wan0 netns elsewhere")
        contains(top.read("/proc/net/ipsec_tncfg"), "ipsec0 -> NULL", "the table")
        until(lambda: sum(watch.rose().values()) > 10, f"what cannot leave is counted: {watch.rose()}", 10)
        elsewhere.ip("link set wan0 up")
        sniffer = Sniffer(elsewhere, "wan0", outgoing=True)
        equal(sniffer.all(0.5 * SLOWER), [], "what the device sends there")
        sniffer.close()
        elsewhere.ip(f"link set wan0 netns {top.name}")
        top.ip("addr add 192.0.2.1/24 dev wan0", "link set wan0 up")
        until(lambda: "ipsec0 -> wan0" in top.read("/proc/net/ipsec_tncfg"), "it is attached again", 10)
        until(lambda: reaches(topology.hostA, HOST_B), "packets flow", 10)
    elsewhere.delete()

with case("the physical device is deleted under traffic"):
    with Load(topology):
        topology.gwA.ip("link del wan0")
        contains(topology.gwA.read("/proc/net/ipsec_tncfg"), "ipsec0 -> NULL", "the table")
    topology.delete()

with case("SAs, eroutes and attachment are changed over and over under traffic"):
    topology = Topology()
    ends = topology.tunnel(SUITE, Klips, Xfrm)
    with Load(topology):
        for _ in range(max(fewer(6), 2)):
            ends[0].clear()
            topology.gwA.run("ipsec", "tncfg", "--detach", "--virtual", "ipsec0")
            topology.gwA.run("ipsec", "tncfg", "--attach", "--virtual", "ipsec0", "--physical", "wan0")
            ends[0].install(ends[2])
            topology.gwA.read("/proc/net/ipsec_spi")
            topology.gwA.run("ipsec", "eroute", "--replace", "--eraf", "inet", "--src", "10.1.0.0/24", "--dst", "10.2.0.0/24",
                             "--said", f"tun0x1000@{ends[0].peer}")
    renew(SUITE, *ends[:2])
    works(topology)

with case("a PF_KEY socket holds the module: in use"):
    key = pfkey.PfKey()
    result = run("rmmod", "klips", ok=False)
    equal(result.status, 1, "exit status of rmmod")
    contains(result.err, "in use", "what rmmod says")
    check(loaded(), "it is not loaded any more")
    works(topology)
    key.close()

with case("a socket with unread messages is closed, and the module goes"):
    key = pfkey.PfKey(topology.gwA)
    for number in range(50):
        key.write(pfkey.message(pfkey.FLUSH, 0, seq=number))
    key.close()
    run("rmmod", "klips")
    load()

with case("a listing that is open does not keep the module from going, or says so"):
    file = open("/proc/net/ipsec_eroute", encoding="ascii")
    run("rmmod", "klips", ok=False)
    try:
        file.read()
    except OSError:
        pass
    file.close()
    load()

with case("a namespace with an open PF_KEY socket lives until it is closed"):
    ns = Netns("k-open")
    key = pfkey.PfKey(ns)
    ns.delete()
    equal(key.write(pfkey.add(pfkey.IPIP, "192.0.2.2", 0x1000)), 0, "errno")
    key.close()

CYCLES = fewer(20)

with case(f"loaded and unloaded {CYCLES} times, with SAs and eroutes each time, and every fifth time with a namespace"):
    for turn in range(CYCLES):
        run("modprobe", "-r", "klips")
        load()
        with pfkey.PfKey() as key:
            equal(key.write(pfkey.add(pfkey.ESP, "192.0.2.2", 0x1000, auth_key=bytes(20), enc_key=bytes(16), auth=3,
                                      encrypt=12)), 0, "errno")
            equal(key.write(pfkey.addflow(pfkey.flow("10.1.0.0", "255.255.0.0", "10.2.0.0", "255.255.0.0"), "192.0.2.2",
                                          0x1000, pfkey.ESP)), 0, "errno")
        if turn % 5 == 0:
            Netns(f"k-cycle{turn}").delete()

topology.delete()

with case("the number of devices is a parameter"):
    run("modprobe", "-r", "klips")
    for number in (0, 5, 64):
        run("modprobe", "klips", f"interfaces={number}")
        ns = Netns("k-number")
        equal([line.split()[0] for line in ns.read("/proc/net/ipsec_tncfg").splitlines()],
              [f"ipsec{n}" for n in range(number)], "devices")
        ns.delete()
        run("modprobe", "-r", "klips")
    load()

with case("the kernel's log has no complaint"):
    log = subprocess.run(["dmesg"], capture_output=True, text=True, check=True).stdout
    bad = [line for line in log.splitlines() if any(word in line for word in ("BUG", "WARNING", "Oops", "refcount_t",
                                                                             "unregister_netdevice: waiting"))]
    equal(bad, [], "complaints")

end()
