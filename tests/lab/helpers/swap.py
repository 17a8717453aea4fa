#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Touches more memory than there is, and looks whether it keeps what was written.

    swap.py MEBIBYTES PASSES STATE

Each page has a pattern of its own, which says its number and the pass. Every
pass goes over all pages in another order, compares, and writes the pattern of
the next pass. STATE is a file that tells how far it is: "PASS PAGES" a line
for each thousandth page, then "done". A page that is not as it was written
ends the program with a message and code 1.
"""

import mmap
import random
import struct
import sys

PAGE = 4096


def pattern(page, number):
    """What a page holds after a pass."""
    return struct.pack("<QII", page * 0x9e3779b97f4a7c15 & 0xffffffffffffffff, page, number) * (PAGE // 16)


def one_pass(memory, pages, number, tell):
    """All pages once: as the pass before has left them, then as this one does."""
    order = list(range(pages))
    random.Random(number).shuffle(order)
    for done, page in enumerate(order):
        at = page * PAGE
        if number and memory[at:at + PAGE] != pattern(page, number - 1):
            return f"page {page} is not as pass {number - 1} left it"
        memory[at:at + PAGE] = pattern(page, number)
        if done % 1000 == 0:
            tell(f"{number} {done}")
    return None


def main():
    """The passes, and one that only compares what the last one left."""
    pages, passes = int(sys.argv[1]) * 256, int(sys.argv[2])
    memory = mmap.mmap(-1, pages * PAGE)
    with open(sys.argv[3], "w", encoding="ascii") as state:
        def tell(text):
            state.write(text + "\n")
            state.flush()

        for number in range(passes + 1):
            wrong = one_pass(memory, pages, number, tell)
            if wrong:
                sys.exit(wrong)
        tell("done")


if __name__ == "__main__":
    main()
