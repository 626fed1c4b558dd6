"""The measurements of DESIGN section 9: `make bench`.

Each ratio is taken in one run on one machine, both sides in turns, and nothing is asserted: the
numbers are for reading. `BENCH_SCALE` (1 by default) makes everything smaller for a quick look.
"""
