#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make soak: the case 445-soak, an hour of everything on one boot of three VMs.
# KTAP on stdout, what it does on stderr, at least once a minute. A summary is
# left in build/soak, as DATE.txt and DATE.json.
#
#   MINUTES=60 SEED=NUMBER tests/soak.sh
#
# SUITE=, GUEST=, FIDO_CACHE=, LAB_ACCEL= as for tests/lab/lab.
set -euo pipefail

TOP=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
export SUITE=${SUITE:-trixie}
# A state of its own: a lab that somebody works in stays untouched.
export LAB_STATE=${LAB_STATE:-${FIDO_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/fido-lab}/$SUITE/soak}
export VMS=${VMS:-a b c}
LOG=$LAB_STATE/log/cases/445-soak.log

rm -f "$LOG"
# ends with this process
tail --pid=$$ -n +1 -F "$LOG" 2> /dev/null | grep --line-buffered '^# ' >&2 &

rc=0
"$TOP/tests/lab/lab" run 445-soak || rc=$?
echo "# summaries: build/soak" >&2
exit $rc
