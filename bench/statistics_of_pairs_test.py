#!/usr/bin/env python3
"""Does statistics_of_pairs keep its promises on numbers whose truth is known? The seeds are fixed: no chance in it."""
import math, random, sys, unittest

sys.dont_write_bytecode = True
import statistics_of_pairs as s


def noisy_round(random, drift):
    """What a shared machine does to a time: drift that both sides of a round share, and now and then a neighbour."""
    noise = drift * math.exp(random.gauss(0, 0.01))
    return noise * random.uniform(1.05, 3) if random.random() < 0.1 else noise


def rounds(random, count, ratio):
    before, after, drift = [], [], 1.0
    for _ in range(count):
        drift *= math.exp(random.gauss(0, 0.02))
        before.append(20 * noisy_round(random, drift))
        after.append(20 * ratio * noisy_round(random, drift))
    return before, after


def verdicts(seed, trials, loops, ratio, margin, confidence=0.99):
    """Trials of a comparison of `loops` loops with 25 rounds each: the set of verdicts of each trial."""
    generator = random.Random(seed)
    each = s.share(confidence, loops)
    return [{s.verdict(s.paired(*rounds(generator, 25, ratio), each), margin) for _ in range(loops)}
            for _ in range(trials)]


class Paired(unittest.TestCase):
    def test_the_same_program_is_called_no_different_as_often_as_promised(self):
        wrong = sum(found != {s.NONE} for found in verdicts(1, 1000, 5, 1.0, margin=0))
        self.assertLessEqual(wrong, 20)  # 10 are allowed on average
        wrong = sum(found != {s.NONE} for found in verdicts(2, 1000, 5, 1.0, margin=0.01))
        self.assertEqual(wrong, 0)

    def test_the_interval_has_the_true_ratio_as_often_as_promised(self):
        generator = random.Random(3)
        hit = sum(s.paired(*rounds(generator, 25, 1.3), 0.9).includes(1.3) for _ in range(2000))
        self.assertGreaterEqual(hit, 1760)  # 1800 on average or more: k is a whole number
        self.assertLessEqual(hit, 1960)

    def test_five_percent_are_found(self):
        found = verdicts(4, 200, 1, 1.05, margin=0.01)
        self.assertGreaterEqual(sum(one == {s.SLOWER} for one in found), 190)
        found = verdicts(5, 200, 1, 1 / 1.05, margin=0.01)
        self.assertGreaterEqual(sum(one == {s.FASTER} for one in found), 190)

    def test_a_difference_below_the_margin_is_none(self):
        found = verdicts(6, 500, 5, 1.01, margin=0.02)
        self.assertEqual(sum(one != {s.NONE} for one in found), 0)

    def test_one_percent_is_found_when_the_rounds_suffice_and_no_margin_hides_it(self):
        generator = random.Random(7)
        found = [s.verdict(s.paired(*rounds(generator, 200, 1.01), 0.99), 0) for _ in range(100)]
        self.assertGreaterEqual(found.count(s.SLOWER), 90)
        self.assertEqual(found.count(s.FASTER), 0)

    def test_one_round_with_one_side_only_is_refused(self):
        with self.assertRaises(ValueError):
            s.paired([1, 2], [1], 0.9)

    def test_too_few_rounds_never_reach_the_confidence(self):
        self.assertEqual(s.rounds_needed(0.99), 8)
        for family in (1, 5, 60):
            needed = s.rounds_needed(0.99, family)
            each = s.share(0.99, family)
            self.assertGreaterEqual(s.interval_of_median(range(needed), each).confidence, each)
            self.assertLess(s.interval_of_median(range(needed - 1), each).confidence, each)


class Median(unittest.TestCase):
    def test_the_table_of_the_sign_test_is_met(self):
        # n = 25, 95 %: from the 8th smallest to the 8th largest, 95.67 % (any table of the sign test).
        interval = s.interval_of_median(range(1, 26), 0.95)
        self.assertEqual((interval.low, interval.median, interval.high), (8, 13, 18))
        self.assertAlmostEqual(interval.confidence, 0.9567, places=4)


    def test_no_interval_has_less_confidence_than_asked(self):
        for n in range(14, 120):
            for confidence in (0.9, 0.95, 0.99, 0.999):
                self.assertGreaterEqual(s.interval_of_median(range(n), confidence).confidence, confidence)


if __name__ == "__main__":
    unittest.main()
