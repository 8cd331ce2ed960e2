# SPDX-License-Identifier: GPL-2.0-only
"""The benchmark's own arithmetic, on figures that are made up. `make check` runs it."""

import json
import pathlib
import tempfile
import unittest
import xml.dom.minidom

from driver import chart, figures, machine, profile, readings, report, tables
from driver.plan import ALONE, OURS, PLAIN, REFERENCE, TOGETHER, Plan, Window, complete, hostile, parallel, quick


def plan_of(*windows):
    """A plan of these windows."""
    plan = Plan()
    plan.measure(windows, "-n 10")
    return plan


def run_of(plan, insns, **damage):
    """What guest and meter would have written, with so many instructions in each window."""
    results, meter = [], []
    for number, insn in enumerate(insns):
        result = {"id": number, "sent": 10, "got": 10, "damaged": 0, "late": 0} | damage
        results.append("result " + " ".join(f"{name}={value}" for name, value in result.items()))
        meter.append(f"window id={number} level=2 insn={insn} locked={number}0 lines={number}00")
    return plan, "\n".join([*results, "complete", ""]), "\n".join(meter)


SINGLES = [Window(method, "single", size) for method in (PLAIN, REFERENCE, OURS) for size in (64, 1400)]


class Reads(unittest.TestCase):
    """Readings."""

    def test_what_was_written_is_read(self):
        got = readings.read(*run_of(plan_of(*SINGLES), [10, 20, 30, 40, 50, 60]))
        self.assertEqual(got[SINGLES[2]].per("insn"), 3)
        self.assertEqual(got[SINGLES[2]]["lines"], 200)

    def test_a_window_that_is_missing_is_a_failure(self):
        with self.assertRaises(readings.Damage):
            readings.read(*run_of(plan_of(*SINGLES), [10, 20]))

    def test_packets_that_are_missing_damaged_or_late_are_a_failure(self):
        for damage in ({"got": 9}, {"damaged": 1}, {"late": 1}):
            with self.assertRaises(readings.Damage):
                readings.read(*run_of(plan_of(SINGLES[0]), [10], **damage))

    def test_a_flood_may_lose_packets_but_not_change_their_order(self):
        flood = plan_of(Window(OURS, "flood", 64, "2x2"))
        readings.read(*run_of(flood, [10], got=9))
        with self.assertRaises(readings.Damage):
            readings.read(*run_of(flood, [10], late=1))

    def test_what_the_guest_complains_of_is_a_failure(self):
        plan, results, meter = run_of(plan_of(SINGLES[0]), [10])
        with self.assertRaises(readings.Damage):
            readings.read(plan, "problem\n" + results, meter)

    def test_runs_are_summed_up_by_their_median(self):
        runs = [readings.read(*run_of(plan_of(SINGLES[0]), [insn])) for insn in (10, 30, 20)]
        got = readings.median(runs)[SINGLES[0]]
        self.assertEqual((got["insn"], got["spread"]), (20, 20))


class Reckons(unittest.TestCase):
    """Figures and targets."""

    def setUp(self):
        self.figures = figures.Figures(readings.read(*run_of(plan_of(*SINGLES), [100, 200, 300, 500, 150, 13760])))

    def test_above_plain_and_by_xfrm(self):
        ours = Window(OURS, "single", 64)
        self.assertEqual(self.figures.over(ours), 5)
        self.assertEqual(self.figures.ratio(ours), 0.25)
        self.assertEqual(self.figures.same_suite(ours), 0.25)
        self.assertIsNone(self.figures.same_suite(Window(REFERENCE, "single", 64)))

    def test_per_byte(self):
        self.assertAlmostEqual(self.figures.per_byte(OURS, (64, 1400)), (1356 - 5) / 1336)

    def test_what_was_not_measured_is_unknown(self):
        self.assertIsNone(self.figures.over(Window(OURS, "gso", 64)))
        self.assertIsNone(self.figures.tcp(OURS))

    def test_two_processors_are_as_fast_as_the_busier_one_in_the_best_round(self):
        def reading(got, *insns):
            return readings.Reading({"got": got}, {"insn0": insns[0], "insn1": insns[1]})

        def window(case, turn=0):
            return Window(OURS, case[1], 64, case[0], turn)

        found = figures.Figures({window(ALONE): reading(10, 100, 0), window(TOGETHER): reading(10, 90, 60),
                                 window(TOGETHER, 1): reading(10, 55, 60)})
        self.assertAlmostEqual(found.scaling(OURS, 64, TOGETHER, "insn"), 100 / 60)

    def test_growth_is_above_plain(self):
        plan = plan_of(*(Window(method, "single", 64, str(count)) for method in (PLAIN, OURS) for count in (1, 100_000)))
        found = figures.Figures(readings.read(*run_of(plan, [10, 10, 110, 210])))
        self.assertEqual(found.growth(OURS, "single"), 2)

    def test_targets_are_met_missed_or_not_measured(self):
        met = [target.met() for target in figures.targets(self.figures)]
        self.assertEqual(met[:3], ["met", "missed", "not measured"])
        self.assertEqual(figures.Target("", 1.8, 1.9, more=True).met(), "met")

    def test_every_table_has_its_columns(self):
        for line in tables.all_tables(self.figures).splitlines():
            self.assertTrue(not line or line[0] in "#|")
        rows = [line.count("|") for line in tables.packet_table(self.figures).splitlines() if line.startswith("|")]
        self.assertEqual(len(set(rows)), 1)

    def test_a_table_of_nothing_is_no_table(self):
        self.assertEqual(tables.burst_table(self.figures), "")

    def test_the_report_can_be_read_again(self):
        with tempfile.TemporaryDirectory() as directory:
            report.write(directory, self.figures, {"kernel": "1"})
            found = json.loads((pathlib.Path(directory) / "results.json").read_text())
            self.assertEqual(len(found["windows"]), len(SINGLES))
            self.assertTrue((pathlib.Path(directory) / "packet-64.svg").exists())


class Draws(unittest.TestCase):
    """Charts."""

    def test_a_chart_is_xml_with_a_bar_for_each_value(self):
        drawn = xml.dom.minidom.parseString(chart.bars("a & b", [("klips-x", 5), ("plain", 0)]))
        self.assertEqual(len(drawn.getElementsByTagName("rect")), 3)


class Profiles(unittest.TestCase):
    """Profiles."""

    def test_blocks_are_summed_by_function(self):
        plan, results, meter = run_of(plan_of(SINGLES[0]), [100])
        results = "symbol ffffffff81000000 first\nsymbol ffffffff81000100 second [klips]\n" + results
        meter += "\nblock 0 ffffffff81000010 50 10 5\nblock 0 ffffffff810000f0 20 0 0\nblock 0 ffffffff81000100 30 0 5\n"
        of_window = profile.by_function(plan, results, meter, readings.read(plan, results, meter))[SINGLES[0]]
        self.assertEqual(of_window, {"first": (7, 1, 0.5), "second [klips]": (3, 0, 0.5)})


class Strangers(unittest.TestCase):
    """Packets that are not the tunnel's."""

    def test_what_they_cost_and_what_they_leave(self):
        those = [Window(OURS, kind, 64, variant) for kind in ("single", "forged") for variant in ("encap", "forward", "filtered")]
        told = figures.Figures(readings.read(*run_of(plan_of(*those), [100, 400, 420, 150, 0, 570])))
        self.assertEqual(told.forwarding(OURS, 64), 30)
        self.assertEqual((told.stranger(OURS, "forged", 64), told.share(OURS, "forged", 64)), (10, 0.75))
        self.assertIsNone(told.share(OURS, "unknown", 64))
        self.assertIn("forged", tables.stranger_table(told))


class Plans(unittest.TestCase):
    """Plans."""

    def test_every_window_has_its_number_in_the_job(self):
        for plan in (quick(), complete(), parallel(), hostile()):
            numbers = []
            for words in map(str.split, plan.lines):
                if words[0] == "measure":
                    numbers += [int(word.split(":")[0]) for word in words if ":" in word]
                elif words[0] == "fill" and len(words) > 5:
                    numbers.append(int(words[5]))
            self.assertEqual(numbers, list(range(len(plan.windows))))
            self.assertEqual(len(set(plan.windows)), len(plan.windows))

    def test_the_job_is_an_archive_in_whole_words(self):
        data = machine.archive("job", "true\n")
        self.assertEqual(len(data) % 4, 0)
        self.assertEqual(data.count(b"070701"), 2)


if __name__ == "__main__":
    unittest.main()
