# SPDX-License-Identifier: GPL-2.0-only
"""ipsec setkey against KLIPS and against Linux's own af_key: the same scripts, the same listings. With af_key, ip(8) is the
witness of what came of it."""

import json
import re
import socket
import struct
import tempfile
import time

from klipstest.netns import Netns, run, stop
from klipstest.tap import SLOWER, case, check, contains, end, equal, fewer, note, until

IP_IPSEC_POLICY = 16

KEY16 = "0x00112233445566778899aabbccddeeff"
KEY20 = KEY16 + "00112233"
KEY32 = KEY16 + KEY16[2:]

SCRIPT = f"""
# What KAME's own program was once traced with.
flush; spdflush;
add 10.0.0.1 10.0.0.2 esp 0x1001 -m tunnel -u 17 -r 32 -lh 3600 -ls 3000
    -E aes-cbc {KEY16} -A hmac-sha256 {KEY32};
add 10.0.0.2 10.0.0.1 ah 0x1002 -m transport -A hmac-sha1 {KEY20};
add 10.0.0.1 10.0.0.2 ipcomp 0x1003 -m transport -C deflate;
spdadd 10.1.0.0/24 10.2.0.0/24 any -P out ipsec esp/tunnel/10.0.0.1-10.0.0.2/require;
spdadd 10.2.0.0/24 10.1.0.0/24 tcp -P in prio def + 5 ipsec esp/tunnel/10.0.0.2-10.0.0.1/unique:17;
"""

UNUSUAL = f"""
add 10.0.0.1[4500] 10.0.0.2[34567] esp-udp 0x3001 -m transport -E aes-cbc {KEY16} -A hmac-sha1 {KEY20};
add 2001:db8::1 2001:db8::2 esp 0x3002 -m tunnel -bh 5000 -bs 4000 -E aes-cbc {KEY16} -A hmac-sha1 {KEY20};
spdadd 2001:db8:1::/64 2001:db8:2::/64 any -P in ipsec esp/tunnel/2001:db8::2-2001:db8::1/require;
spdadd ::/0 ::/0 icmp6 135,0 -P in none;
spdadd 10.1.0.0/24 10.2.0.0/24 any -P out ipsec ipcomp/transport//use esp/transport//use;
"""

ESP = """10.0.0.1 10.0.0.2 
	esp mode=tunnel spi=4097(0x00001001) reqid=17(0x00000011)
	E: aes-cbc  (128 bits)
	A: hmac-sha256  (256 bits)
	seq=0x00000000 replay=32 flags=0x00000000 state=mature 
	created: TIME	current: TIME
	diff: N(s)	hard: 3600(s)	soft: 3000(s)
	last:                     	hard: 0(s)	soft: 0(s)
	current: 0(bytes)	hard: 0(bytes)	soft: 0(bytes)
	allocated: 0	hard: 0	soft: 0
	sadb_seq=N pid=N refcnt=N
"""
COMP = """10.0.0.1 10.0.0.2 
	ipcomp mode=transport spi=4099(0x00001003) reqid=0(0x00000000)
	C: deflate 	seq=0x00000000 replay=0 flags=0x00000000 state=mature 
"""
POLICY_IN = """10.2.0.0/24[any] 10.1.0.0/24[any] tcp
	in prio def + 5 ipsec
	esp/tunnel/10.0.0.2-10.0.0.1/unique:17
	created: TIME  lastused:                     
	lifetime: 0(s) validtime: 0(s)
	spid=N seq=N pid=N
	refcnt=N
"""
POLICY_FWD = """10.2.0.0/24[any] 10.1.0.0/24[any] tcp
	fwd prio def + 5 ipsec
	esp/tunnel/10.0.0.2-10.0.0.1/require
"""
POLICY_OUT = """10.1.0.0/24[any] 10.2.0.0/24[any] 255
	out prio def ipsec
	esp/tunnel/10.0.0.1-10.0.0.2/require
"""

# Those that af_key has and this kernel's crypto too, with a key for each.
CIPHERS = {"null": "", "3des-cbc": "0x" + "0123456789abcdef" * 2 + "fedcba9876543210", "aes-cbc": KEY32,
           "aes-ctr": KEY20, "camellia-cbc": KEY16, "twofish-cbc": KEY16, "serpent-cbc": KEY16}
HASHES = {"hmac-md5": (KEY16, "md5"), "hmac-sha1": (KEY20, "sha1"), "hmac-sha256": (KEY32, "sha256"),
          "hmac-sha384": (KEY32 + KEY16[2:], "sha384"), "hmac-sha512": (KEY32 + KEY32[2:], "sha512"),
          "aes-xcbc-mac": (KEY16, "xcbc"), "null": ("", "digest_null")}


def setkey(*options, stdin=None, status=0, timeout=120):
    """Runs the tool in the namespace and checks its exit status."""
    result = ns.run("ipsec", "setkey", *options, stdin=stdin, ok=False, timeout=timeout)
    equal(result.status, status, f"exit status; it said {result.err!r}")
    return result


def script(text, status=0, options=(), timeout=120):
    return setkey(*options, "-c", stdin=text, status=status, timeout=timeout)


def told(text):
    """What is wrong with a command, without the name in front of it; of a script that is right and is refused."""
    result = script(text, status=1)
    equal(result.out, "", "standard output")
    return re.sub(r"^ipsec setkey: standard input:", "", result.err)


def fixed(text):
    """A listing without what differs from run to run."""
    text = re.sub(r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}", "TIME", text)
    text = re.sub(r"diff: \d+", "diff: N", text)
    text = re.sub(r"\b(pid|spid|refcnt|sadb_seq)=\d+", r"\1=N", text)
    return re.sub(r"(spid=N) seq=\d+", r"\1 seq=N", text)


def states():
    return ns.run("ip", "xfrm", "state").out


def policies():
    return ns.run("ip", "xfrm", "policy").out


def check_listings():
    """The listings of what SCRIPT makes are those of KAME's program to the byte, but for keys."""
    found = fixed(setkey("-D").out)
    for part in (ESP, COMP):
        contains(found, part, "the SAs")
    check("00112233" not in found, "a key is shown")
    equal(found.count("sadb_seq="), 3, "SAs")
    found = fixed(setkey("-DP").out)
    for part in (POLICY_IN, POLICY_FWD, POLICY_OUT):
        contains(found, part, "the policies")
    equal(found.count("spid="), 3, "policies")
    found = json.loads(setkey("-D", "--json").out)
    equal(sorted((sa["protocol"], sa["spi"], sa["reqid"], sa["enc_key_bits"]) for sa in found),
          [("ah", "0x1002", 0, None), ("esp", "0x1001", 17, 128), ("ipcomp", "0x1003", 0, None)], "SAs")
    found = json.loads(setkey("-D", "-P", "--json").out)
    equal(sorted((one["policy"]["direction"], one["policy"]["priority"]) for one in found),
          [("fwd", 2147483643), ("in", 2147483643), ("out", 2147483648)], "policies")
    found = fixed(script("get 10.0.0.1 10.0.0.2 esp 0x1001;").out)
    equal(found, ESP, "the SA")
    found = script("spdget 10.2.0.0/24 10.1.0.0/24 tcp -P in;").out
    equal(fixed(found), POLICY_IN, "the policy")
    spid = re.search(r"spid=(\d+)", found)[1]
    equal(fixed(script(f"spdget {spid};").out), POLICY_IN, "the policy by its number")
    found = script("dump ah;").out
    equal(found.count("sadb_seq="), 1, "SAs of AH")


def check_refusals():
    """What the kernel refuses behind SCRIPT is told with its place, and the script goes on."""
    equal(told("\n delete 10.0.0.1 10.0.0.2 esp 9;\nspddelete 1.1.1.0/24 2.2.2.0/24 any -P out none;\n"
               "get 10.0.0.1 10.0.0.2 esp 9; spdget 8000;"),
          "2:2: delete: No such process: there is no such SA\n"
          "ipsec setkey: standard input:3:1: spddelete: No entry: there is no such policy\n"
          "ipsec setkey: standard input:4:1: get: No such process: there is no such SA\n"
          "ipsec setkey: standard input:4:30: spdget: No entry: there is no such policy\n", "errors")
    equal(told(f"add 10.0.0.1 10.0.0.2 esp 0x1001 -E aes-cbc {KEY16};"),
          "1:1: add: File exists: there is such an SA already\n", "an SA again")
    equal(told("spdadd 10.1.0.0/24 10.2.0.0/24 any -P out none;"),
          "1:1: spdadd: File exists: there is a policy of this selector already\n", "a policy again")


SAS, POLICIES = fewer(1000), fewer(9000)


def ten_thousand():
    """Carries out a long script, and says how fast."""
    lines = [f"add 10.0.0.1 10.9.{n >> 8}.{n & 255} esp {0x10000 + n} -m tunnel -E aes-cbc {KEY16} -A hmac-sha1 {KEY20};"
             for n in range(SAS)]
    lines += [f"spdadd 10.1.0.0/24 10.{128 + (n >> 8)}.{n & 255}.0/24 any -P out ipsec esp/tunnel/10.0.0.1-10.0.0.2/require;"
              for n in range(POLICIES)]
    text = "\n".join(lines)
    began = time.monotonic()
    setkey("-n", "-c", stdin=text)
    read = time.monotonic() - began
    began = time.monotonic()
    script(text, timeout=400)
    took = time.monotonic() - began
    note(f"{len(lines)} lines: read in {read:.1f} s, carried out in {took:.1f} s, {len(lines) / took:.0f} a second")
    began = time.monotonic()
    sas, entries = setkey("-D", "--json").out, setkey("-D", "-P", "--json").out
    note(f"listed in {time.monotonic() - began:.1f} s")
    equal(len({sa["spi"] for sa in json.loads(sas)}), SAS, "SAs listed")
    equal(len({one["dst"] for one in json.loads(entries)}), POLICIES, "policies listed")
    began = time.monotonic()
    script("flush; spdflush;")
    note(f"flushed in {time.monotonic() - began:.1f} s")
    equal([setkey("-D").out, setkey("-DP").out], EMPTY, "listings at the end")


def both(text):
    """The listings that a script leads to, without the order of their entries: that is the kernel's."""
    script("flush; spdflush;")
    script(text)
    return [sorted(re.split(r"^(?=\S)", fixed(setkey(*options).out), flags=re.M)) for options in (["-D"], ["-DP"])]


SCRIPTS = {
    "SAs and policies": SCRIPT,
    "ESP in UDP, IPv6, ports, limits, ICMP": UNUSUAL,
    "priorities and actions": """
        spdadd 10.1.0.0/24 10.2.0.0/24 any -P out prio high discard;
        spdadd 10.9.0.0/24[53] 10.2.0.0/24 udp -P in prio low - 1 none;
        spdadd 10.9.0.0/24 10.2.0.0/24[any] 47 -P out prio low + 5 ipsec ah/transport//default;
        spdupdate 10.1.0.0/24 10.2.0.0/24 any -P out none; spddelete 10.9.0.0/24[53] 10.2.0.0/24 udp -P in;""",
}
EMPTY = ["No SAD entries.\n", "No SPD entries.\n"]

ns = Netns("setkey")

with case("KLIPS: tables without entries"):
    equal([setkey("-D").out, setkey("-D", "-P").out], EMPTY, "listings")
    equal(setkey("-D", "--json").out, "[]\n", "SAs in JSON")
    setkey("-F")
    setkey("-FP")

with case("KLIPS: listings to the byte, one SA, one policy"):
    equal(script(SCRIPT).out, "", "output")
    equal(sorted(re.findall(r"^\S+(?= )", ns.read("/proc/net/ipsec_spi"), flags=re.M)),
          ["ah0x1002@10.0.0.1", "comp0x1003@10.0.0.2", "esp0x1001@10.0.0.2"], "SAs that the module lists")
    check_listings()

with case("KLIPS: what it refuses is told with its place"):
    check_refusals()
    equal(told("spdadd 10.5.0.0/24 10.2.0.0/24 any -P out ipsec " + "esp/transport//require " * 5 + ";"),
          "1:1: spdadd: Invalid argument\n", "five requests")

with case("KLIPS: a script of ten thousand lines"):
    script("flush; spdflush;")
    ten_thousand()

made = {}
with case("KLIPS: what scripts make"):
    for name, text in SCRIPTS.items():
        made[name] = both(text)
    script("flush; spdflush;")

# A PF_KEY socket in between would load KLIPS again.
run("modprobe", "-r", "klips")
run("modprobe", "af_key")

with case("af_key makes the same of the same scripts"):
    for name, text in SCRIPTS.items():
        equal(both(text), made.get(name), name)
    script("flush; spdflush;")

with case("tables without entries"):
    equal(setkey("-D").out, "No SAD entries.\n", "SAs")
    equal(setkey("-D", "-P").out, "No SPD entries.\n", "policies")
    equal(setkey("-D", "--json").out, "[]\n", "SAs in JSON")
    setkey("-F")
    setkey("-FP")

with case("what a script makes is what ip(8) sees"):
    equal(script(SCRIPT).out, "", "output")
    found = states()
    for part in (
            "src 10.0.0.1 dst 10.0.0.2\n\tproto esp spi 0x00001001 reqid 17 mode tunnel\n\treplay-window 32",
            "auth-trunc hmac(sha256) " + KEY32 + " 96",
            "enc cbc(aes) " + KEY16,
            "src 10.0.0.2 dst 10.0.0.1\n\tproto ah spi 0x00001002 reqid 0 mode transport",
            "auth-trunc hmac(sha1) " + KEY20 + " 96",
            "proto comp spi 0x00001003 reqid 0 mode transport"):
        contains(found, part, "the SAs")
    found = policies()
    for part in (
            "src 10.1.0.0/24 dst 10.2.0.0/24 \n\tdir out priority 2147483648",
            "src 10.2.0.0/24 dst 10.1.0.0/24 proto tcp \n\tdir in priority 2147483643",
            "src 10.2.0.0/24 dst 10.1.0.0/24 proto tcp \n\tdir fwd priority 2147483643",
            "\ttmpl src 10.0.0.1 dst 10.0.0.2\n\t\tproto esp reqid 0 mode tunnel",
            "\ttmpl src 10.0.0.2 dst 10.0.0.1\n\t\tproto esp reqid 17 mode tunnel"):
        contains(found, part, "the policies")

with case("listings to the byte and in JSON, one SA, one policy"):
    check_listings()

with case("what the kernel refuses is told with its place, and the script goes on"):
    check_refusals()
    equal(told(f"add 10.0.0.1 10.0.0.2 esp 0x1009 -E aes-gcm-16 {KEY20};"),
          "1:1: add: Function not implemented: this kernel has no such algorithm\n", "an algorithm")
    script("flush ah; delete 10.0.0.1 10.0.0.2 esp 9; flush ipcomp;", status=1)
    equal(setkey("-D").out.count("sadb_seq="), 1, "SAs that are left")

with case("of a script with a mistake nothing is carried out"):
    before = states() + policies()
    result = script("flush; spdflush;\n add 10.0.0.1 10.0.0.2 esp 0x1009 -E aes-cbc 0x0011223;", status=2)
    equal(result.err, "ipsec setkey: standard input:2:46: the key has an odd number of digits, 7\n", "what it says")
    equal(states() + policies(), before, "the tables")
    result = setkey("-f", "/nonexistent", status=2)
    equal(result.err, "ipsec setkey: /nonexistent: No such file or directory (os error 2)\n", "what it says")

with case("a dry run changes nothing and shows what it would do"):
    result = script("flush; spdflush;", options=["-n", "-v"])
    contains(result.out, "sadb_msg{ version=2 type=9 errno=0 satype=0\n", "output")
    equal(states() + policies(), before, "the tables")

with case("changes, and removal"):
    script("spdupdate 10.1.0.0/24 10.2.0.0/24 any -P out prio high discard;\n"
           "spdupdate 10.9.0.0/24[53] 10.2.0.0/24 udp -P in prio low - 1 none;")
    found = policies()
    contains(found, "src 10.1.0.0/24 dst 10.2.0.0/24 \n\tdir out action block priority 1073741824", "the first")
    contains(found, "src 10.9.0.0/24 dst 10.2.0.0/24 proto udp sport 53 \n\tdir in priority 3221225473", "the second")
    contains(found, "src 10.9.0.0/24 dst 10.2.0.0/24 proto udp sport 53 \n\tdir fwd priority 3221225473", "its copy")
    script("spddelete 10.9.0.0/24[53] 10.2.0.0/24 udp -P in;")
    check("10.9.0.0" not in policies(), "the copy is there yet")
    script("spdadd 10.9.0.0/24 10.2.0.0/24 udp -P in none;", options=["-k"])
    equal(policies().count("10.9.0.0"), 1, "policies without a copy")
    script("spddelete 10.9.0.0/24 10.2.0.0/24 udp -P in none;")
    script(f"add 10.0.0.1 10.0.0.2 esp 0x1004 -E null; add 10.0.0.1 10.0.0.3 esp 0x1005 -E null;"
           f"add 10.0.0.1 10.0.0.2 ah 0x1006 -A hmac-md5 {KEY16}; deleteall 10.0.0.1 10.0.0.2 esp;")
    equal(sorted(re.findall(r"spi 0x0000(\w+)", states())), ["1005", "1006"], "SPIs that are left")
    setkey("-F")
    equal(states(), "", "SAs behind -F")
    setkey("-FP")
    equal(policies(), "", "policies behind -F -P")

with case("an SPI for an SA to come, which update makes whole"):
    found = script("getspi 10.0.0.1 10.0.0.2 esp 0x2000-0x2003 -m tunnel -u 5;").out
    contains(found, "state=larval", "the answer")
    spi = int(re.search(r"spi=(\d+)", found)[1])
    check(0x2000 <= spi <= 0x2003, f"SPI {spi:#x}")
    script(f"update 10.0.0.1 10.0.0.2 esp {spi} -m tunnel -u 5 -E aes-cbc {KEY16} -A hmac-sha1 {KEY20};")
    contains(states(), f"spi {spi:#010x} reqid 5 mode tunnel", "the SA")
    contains(setkey("-D").out, "state=mature", "the SA")
    script("getspi 10.0.0.1 10.0.0.2 esp 0x2009;")
    equal(told("getspi 10.0.0.1 10.0.0.2 esp 0x2009;"),
          "1:1: getspi: No such file or directory: none of these SPIs is free\n", "an SPI that is taken")
    setkey("-F")

with case("ESP in UDP, IPv6, ports, limits, ICMP"):
    script(UNUSUAL)
    found = states()
    contains(found, "encap type espinudp sport 4500 dport 34567", "the first SA")
    contains(found, "src 2001:db8::1 dst 2001:db8::2\n\tproto esp spi 0x00003002", "the second SA")
    equal(setkey("-D").out.count("esp-udp"), 1, "SAs in UDP")
    contains(setkey("-D", "-p").out, "10.0.0.1[4500] 10.0.0.2[34567] \n\tesp-udp mode=transport", "with ports")
    contains(setkey("-D").out, "hard: 5000(bytes)\tsoft: 4000(bytes)", "limits")
    found = policies()
    contains(found, "proto ipv6-icmp type 135", "the policy of ICMP")
    contains(found, "tmpl src 2001:db8::2 dst 2001:db8::1", "the policy of IPv6")
    equal(re.findall(r"proto (\w+) reqid 0 mode transport\s+level use", found), ["comp", "esp"], "the chain")
    contains(setkey("-DP").out, "::/0[135] ::/0[any] icmp6\n", "the policy of ICMP")
    script("flush; spdflush;")

with case("every algorithm that af_key has"):
    lines = [f"add 10.0.1.1 10.0.1.2 esp {0x4000 + n} -E {name} {key};" for n, (name, key) in enumerate(CIPHERS.items())]
    lines += [f"add 10.0.1.1 10.0.1.2 ah {0x5000 + n} -A {name} {key};" for n, (name, (key, _)) in enumerate(HASHES.items())]
    script("\n".join(lines))
    found = setkey("-D").out
    for name in CIPHERS:
        contains(found, f"\tE: {name} ", "ciphers")
    for name in HASHES:
        contains(found, f"\tA: {name} ", "hashes")
    found = states()
    for key, driver in HASHES.values():
        contains(found, driver, "hashes as ip(8) sees them")
        contains(found, key, "keys as ip(8) sees them")
    for key in CIPHERS.values():
        contains(found, key, "keys as ip(8) sees them")
    setkey("-F")

with case("every message is shown while it listens, without keys"):
    with tempfile.TemporaryFile("w+") as log:
        def heard(part):
            log.seek(0)
            return part in log.read()

        def begun():
            setkey("-FP")
            return heard("type=19 ")

        listener = ns.start("ipsec", "setkey", "-x", "-H", stdout=log)
        until(begun, "a message has come through")
        script(f"add 10.0.0.1 10.0.0.2 esp 0x6001 -E aes-cbc {KEY16};")
        setkey("-F")
        until(lambda: heard("type=9 "), "the last message has come through")
        listener.terminate()
        listener.wait(timeout=20 * SLOWER)
        log.seek(0)
        found = log.read()
    equal(listener.returncode, 0, "exit status")
    contains(found, "type=3 errno=0 satype=3", "ADD")
    contains(found, "sadb_sa{ spi=24577 ", "the SA")
    contains(found, "type=9 errno=0", "FLUSH")
    check("00112233" not in found, "a key is shown")

with case("policies of sockets are listed as such, or not"):
    # What key daemons set on the sockets that they speak IKE with: bypass, in and out.
    with ns, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ike:
        for direction in (1, 2):
            ike.setsockopt(socket.IPPROTO_IP, IP_IPSEC_POLICY, struct.pack("HHHBBII", 2, 18, 4, direction, 0, 0, 0))
        script("spdadd 10.1.0.0/24 10.2.0.0/24 any -P out none;")
        found = setkey("-DP").out
        for direction in ("in", "out"):
            contains(found, f"(per-socket policy) \n\t{direction}(socket) none\n\tcreated: ", "policies")
        equal(setkey("-DPN").out.count("spid="), 1, "policies without those of sockets")
        found = json.loads(setkey("-DP", "--json").out)
        equal(sorted(one["policy"]["direction"] for one in found), ["in(socket)", "out", "out(socket)"], "directions")
    setkey("-FP")

with case("a listing comes again"):
    with tempfile.TemporaryFile("w+") as log:
        def lists():
            log.seek(0)
            return log.read().count("No SAD entries.\n")

        listener = ns.start("ipsec", "setkey", "-D", "-l", stdout=log)
        until(lambda: lists() >= 3, "three listings")
        stop(listener)

with case("a script of ten thousand lines"):
    ten_thousand()
    equal(states() + policies(), "", "tables at the end")

ns.delete()
run("modprobe", "-r", "af_key")
run("modprobe", "klips")

end()
