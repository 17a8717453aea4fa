# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: three VMs with networks and disks between all of them under load are destroyed, panic, shut down, stand still and reload modules at random: links come back, nobody else notices, no byte is wrong, nothing is left
# SHORT: one death, not five minutes, under less load
# TIMEOUT: 3600
# VMS: c
# shellcheck source=mesh-lib.sh
. "$LAB_DIR/cases/mesh-lib.sh"

# MINUTES and SEED are its parameters; at least so many VMs meet their fate.
MINUTES=${MINUTES:-$((LONG ? 5 : 0))}
LEAST=$((LONG ? 2 : 1))
SEED=${SEED:-$$}
FATES=(destroy panic shutdown pause mmnet mmblk again)
if [ "$LONG" = 0 ]; then
	FATES=("${FATES[@]:0:3}")
	# a VM that starts beside the load takes a minute, else twenty seconds
	REST=2
fi

# Without a subshell, for the generator.
draw() {
	NUMBER=$((NUMBER + 1))
	VICTIM=${ALL[RANDOM % ${#ALL[@]}]}
	FATE=${FATES[RANDOM % ${#FATES[@]}]}
	PAUSE=$((5 + RANDOM % 16))
	MET[$FATE]=$((${MET[$FATE]:-0} + 1))
	WHAT="fate $NUMBER: $FATE of $VICTIM"
}

one_fate() {
	draw
	meet_fate
}

run() {
	local end
	RANDOM=$SEED
	diag "SEED=$SEED"
	set_up
	end=$((SECONDS + MINUTES * 60))
	while [ $SECONDS -lt $end ] || [ $NUMBER -lt $LEAST ]; do
		one_fate
	done
	WHAT="the end"
	load_stop
	tell_totals
	tell_memory
	WHAT=
}

cleanup() {
	mesh_cleanup
}
