# SPDX-License-Identifier: GPL-2.0
"""The benchmarks of fido: netperf and fio over each path, in one boot of the lab."""
