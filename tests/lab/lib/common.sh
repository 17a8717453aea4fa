# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What every part of the lab needs: settings, messages, waiting, locks.
# shellcheck disable=SC2034 # the other parts use them

# Labs that run on this machine share its processors, whoever started them.
lab_slowness() {
	local labs cores
	labs=$({ grep -la 'qemu-system.*guest=lab:' /proc/[0-9]*/cmdline 2> /dev/null || true; } | wc -l)
	cores=$(nproc)
	echo $(((labs * 2 + cores - 1) / cores + 1))
}

: "${SUITE:=trixie}"
: "${LAB_CACHE:=${FIDO_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/fido-lab}}"
: "${LAB_STATE:=$LAB_CACHE/$SUITE/state}"
: "${LAB_SRC:=$(cd "$LAB_DIR/../.." && pwd)}"
SUITE_DIR=$LAB_CACHE/$SUITE
ROOT=$SUITE_DIR/root
CONFIG=$LAB_STATE/config
LOGS=$LAB_STATE/log

# Factor on every time limit, for machines that are slower, or shared with other labs.
: "${SLOW:=$(lab_slowness)}"

EXIT_SKIP=4
EXIT_ENVIRONMENT=2
EXIT_TIMEOUT=124

case $SUITE in
trixie | bookworm | sid) ;;
*)
	echo "lab: SUITE=$SUITE is not one of trixie, bookworm, sid" >&2
	exit "$EXIT_ENVIRONMENT"
	;;
esac

# A running lab keeps the shape that it was started with.
if [ -s "$CONFIG" ]; then
	# shellcheck disable=SC1090
	. "$CONFIG"
fi
: "${GUEST:=pv}" "${VMS:=a b}" "${VM_MEM:=512}" "${VCPUS:=1}" "${DOM0_MEM:=1536}" "${LAB_SMP:=2}"

say() {
	printf '%s\n' "lab: $*" >&2
}

# The environment, not the thing under test, is at fault.
die() {
	say "$*"
	exit "$EXIT_ENVIRONMENT"
}

# step TEXT COMMAND...: runs a command to its end or ends the lab with its output; says how long it took.
# STEP_BLAME=1 where a failure is the project's fault and not the environment's.
# Never write "step ... ||" or "if step": bash would switch errexit off inside the command.
step() {
	local text=$1 log start=$SECONDS pid
	shift
	mkdir -p "$LAB_STATE"
	log=$(mktemp "$LAB_STATE/step.XXXXXX")
	printf 'lab: %s ... ' "$text" >&2
	(set -e; "$@") > "$log" 2>&1 < /dev/null &
	pid=$!
	if wait $pid; then
		printf '%d s\n' $((SECONDS - start)) >&2
		rm -f "$log"
		return 0
	fi
	printf 'failed after %d s\n' $((SECONDS - start)) >&2
	tail -n 40 "$log" >&2
	rm -f "$log"
	exit "${STEP_BLAME:-$EXIT_ENVIRONMENT}"
}

# wait_until SECONDS COMMAND...: polls until the command succeeds.
wait_until() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -ge $end ] && return 1
		sleep 0.2
	done
}

# short_path PATH: relative to the working directory where that is shorter.
short_path() {
	local rel
	rel=$(realpath --relative-to=. "$1" 2> /dev/null || echo "$1")
	[ ${#rel} -lt ${#1} ] && echo "$rel" || echo "$1"
}

# with_lock NAME COMMAND...: one at a time among all labs of this cache.
with_lock() {
	local name=$1 fd
	shift
	mkdir -p "$LAB_CACHE"
	exec {fd}> "$LAB_CACHE/$name.lock"
	flock -w 900 "$fd" || die "somebody else has held $LAB_CACHE/$name.lock for 15 minutes"
	"$@"
	exec {fd}>&-
}

# in_root COMMAND...: in the suite root, with a /proc (objtool of Linux 7.2 reads it) that nobody else sees.
# In a chroot that is no mount point there can be no private mounts; then /proc is mounted for that long.
in_root() {
	local enter=(chroot "$ROOT" env -i HOME=/root TERM=dumb LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin) rc=0
	if unshare --mount true 2> /dev/null; then
		# shellcheck disable=SC2016 # for the inner shell
		unshare --mount sh -c 'mount -t proc proc "$0/proc" 2> /dev/null; exec "$@"' "$ROOT" "${enter[@]}" "$@"
	elif mount -t proc proc "$ROOT/proc" 2> /dev/null; then
		"${enter[@]}" "$@" || rc=$?
		umount "$ROOT/proc" 2> /dev/null || umount -l "$ROOT/proc"
		return $rc
	else
		"${enter[@]}" "$@"
	fi
}

kernel_version() {
	local versions=("$ROOT"/usr/lib/modules/*)
	basename "${versions[-1]}"
}

xen_version() {
	local image=("$ROOT"/boot/xen-*.gz)
	basename "${image[-1]}" | sed 's/^xen-\([0-9.]*\)-.*/\1/'
}
