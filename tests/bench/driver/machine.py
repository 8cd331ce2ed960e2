# SPDX-License-Identifier: GPL-2.0-only
"""The guest: QEMU set up so that the same initramfs and job execute the same instructions in every run."""

import os
import pathlib
import subprocess
import time

# Without fast strings the kernel copies by loops of moves; with them TCG counts a copy byte by byte.
CPU = "max,-erms,-fsrm,-fzrm,-fsrs"
# With one processor the kernel would take the lock prefixes out: noreplace-smp. The rest keeps chance and watchdogs out.
CMDLINE = ("console=ttyS0 quiet loglevel=3 panic=-1 rdinit=/init noreplace-smp nokaslr norandmaps randomize_kstack_offset=off "
           "mitigations=off init_on_alloc=0 tsc=reliable nowatchdog audit=0 ipv6.disable_ipv6=1 "
           "rcupdate.rcu_expedited=1")


class GuestFailed(Exception):
    """The guest did not get to the end of its job."""


def archive(name, text):
    """A cpio archive (newc) of one file, to be appended to an initramfs."""
    def entry(path, data, mode):
        fields = (0, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(path) + 1, 0)
        head = b"070701" + b"".join(b"%08x" % field for field in fields) + path + b"\0"
        return b"".join(part + bytes(-len(part) % 4) for part in (head, data))
    return entry(name.encode(), text.encode(), 0o100755) + entry(b"TRAILER!!!", b"", 0)


def idlest():
    """The processor of the host that has been doing the least for a moment."""
    def idle():
        rows = (line.split() for line in pathlib.Path("/proc/stat").read_text().splitlines())
        return {int(row[0][3:]): int(row[4]) for row in rows if row[0][:3] == "cpu" and row[0] != "cpu"}
    before = idle()
    time.sleep(0.5)
    after = idle()
    return max(os.sched_getaffinity(0), key=lambda cpu: after[cpu] - before[cpu])


def exactly_timed():
    """Arguments for one processor whose clock is the count of its instructions."""
    return ["-accel", "tcg,thread=single,tb-size=512", "-icount", "shift=0,sleep=off", "-smp", "1",
            "-rtc", "base=2026-01-01T00:00:00,clock=vm"]


def in_parallel(cpus):
    """Arguments for processors that run at the same time, each in a thread of the host's."""
    return ["-accel", "tcg,thread=multi,tb-size=512", "-smp", str(cpus)]


class Machine:
    """One boot of the guest."""

    def __init__(self, kernel, build, cpus=1, memory="4G"):
        self.kernel, self.build, self.cpus, self.memory = kernel, pathlib.Path(build), cpus, memory

    def command(self):
        """What starts QEMU. One processor of the host's for all of its threads: else they race over timers."""
        files = self.build
        command = ["qemu-system-x86_64", "-machine", "pc,hpet=off", "-nodefaults", "-no-user-config", "-no-reboot",
                   "-display", "none", "-m", self.memory, "-cpu", CPU, "-seed", "1", "-kernel", self.kernel,
                   "-initrd", f"{files}/initrd", "-append", CMDLINE, "-serial", f"file:{files}/console",
                   "-device", "virtio-serial-pci,ioeventfd=off", "-chardev", f"file,id=results,path={files}/results",
                   "-device", "virtserialport,chardev=results", "-plugin", f"{files}/meter.so,out={files}/windows"]
        if self.cpus > 1:
            return command + in_parallel(self.cpus)
        return ["taskset", "-c", str(idlest())] + command + exactly_timed()

    def run(self, job, timeout):
        """Runs the job; its results and the meter's windows, as text."""
        base = (self.build / "initramfs").read_bytes()
        (self.build / "initrd").write_bytes(base + bytes(-len(base) % 512) + archive("job", job))
        for name in ("console", "results", "windows"):
            (self.build / name).write_text("")
        try:
            done = subprocess.run(self.command(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=timeout, check=False)
            said = done.stdout + done.stderr
        except subprocess.TimeoutExpired:
            said = f"still running after {timeout} s"
        results = self.text("results")
        if not results.endswith("complete\n"):
            raise GuestFailed(f"{said}\n{results[-2000:]}\nthe end of its console:\n{self.text('console')[-2000:]}")
        return results, self.text("windows")

    def text(self, name):
        """A file that the guest or the meter has written."""
        return (self.build / name).read_text(errors="replace")
