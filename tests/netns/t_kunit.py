# SPDX-License-Identifier: GPL-2.0-only
"""The module's tests by KUnit (klips/kapi/kunit.rs), which run when it is inserted. Only with KERNEL=debug: the stock
kernel has no KUnit, and the module for it has no such tests.
"""

import re
import subprocess

from klipstest.tap import case, check, end, equal

SUITES = {"klips_rcu": 4, "klips_map": 3, "klips_kapi": 6}


def told():
    """What the kernel's log says since the module was inserted anew."""
    subprocess.run(["modprobe", "-r", "klips"], check=True)
    with open("/dev/kmsg", "w", encoding="ascii") as log:
        log.write("t_kunit: inserting klips\n")
    subprocess.run(["modprobe", "klips"], check=True)
    log = subprocess.run(["dmesg", "-t"], capture_output=True, text=True, check=True).stdout
    return log.rpartition("t_kunit: inserting klips")[2]


def has_kunit():
    """Whether this kernel runs tests of modules."""
    log = subprocess.run(["grep", "-c", " kunit_run_tests$", "/proc/kallsyms"], capture_output=True, text=True, check=False)
    return log.stdout.strip() == "1"


if has_kunit():
    text = told()
    for suite, wanted in SUITES.items():
        with case(f"{suite}: {wanted} tests"):
            results = re.findall(rf"^\s*# {suite}: pass:(\d+) fail:(\d+) skip:(\d+) total:(\d+)$", text, re.MULTILINE)
            check(results, f"nothing is told of {suite}:\n{text}")
            equal(results, [(str(wanted), "0", "0", str(wanted))], f"passed, failed, skipped, all\n{text}")

end()
