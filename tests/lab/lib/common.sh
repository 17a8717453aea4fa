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

# A running lab keeps the shape that it was started with. A kernel can be built, and coverage be told, beside it.
KERNEL_ASKED=${KERNEL-}
if [[ ${1-} != kernel && ${1-} != coverage ]] && [ -s "$CONFIG" ] && kill -0 "$(cat "$LAB_STATE/qemu.pid" 2> /dev/null)" 2> /dev/null; then
	KERNEL=debian
	# shellcheck disable=SC1090
	. "$CONFIG"
fi

# kernel_shape: what the kernel of the VMs wants: kind of guest, MiB, and how much slower they become. Nothing for an unknown one.
kernel_shape() {
	case $KERNEL in
	debian) echo "${GUEST:-pv} 512 1" ;;
	debug-pv) echo "pv 768 2" ;;
	debug-pvh) echo "pvh 1024 3" ;;
	esac
}

: "${KERNEL:=debian}"
read -r kernel_guest kernel_mem kernel_factor <<< "$(kernel_shape)"
if [ -z "$kernel_guest" ]; then
	echo "lab: KERNEL=$KERNEL is not one of debian, debug-pv, debug-pvh" >&2
	exit "$EXIT_ENVIRONMENT"
fi
if [ "${GUEST:=$kernel_guest}" != "$kernel_guest" ]; then
	echo "lab: KERNEL=$KERNEL is for GUEST=$kernel_guest, not for GUEST=$GUEST" >&2
	exit "$EXIT_ENVIRONMENT"
fi
[ "${GCOV:=}" != 0 ] || GCOV=
if [ -n "$GCOV" ] && [ "$KERNEL" != debug-pv ]; then
	echo "lab: GCOV=$GCOV wants KERNEL=debug-pv" >&2
	exit "$EXIT_ENVIRONMENT"
fi
: "${VMS:=a b}" "${VM_MEM:=$kernel_mem}" "${VCPUS:=1}" "${DOM0_MEM:=1536}" "${LAB_SMP:=2}"

# Where that which the VMs boot comes from; dom0 always has the suite's kernel.
GUEST_DIR=$SUITE_DIR
[ "$KERNEL" = debian ] || GUEST_DIR=$SUITE_DIR/kernels/$KERNEL

# Factor on every time limit, for machines that are slower, or shared with other labs, and for kernels that watch themselves.
: "${SLOW:=$(($(lab_slowness) * kernel_factor))}"

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

# COMMAND | has PATTERN...: grep -q, but it reads to the end: a writer that had more to say would fail for it, by pipefail.
has() {
	grep "$@" | cat > /dev/null
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

# with_lock NAME COMMAND...: one at a time among all labs of this cache. LOCK_WAIT: seconds to wait for another one.
with_lock() {
	local name=$1 fd wait=${LOCK_WAIT:-900}
	shift
	mkdir -p "$LAB_CACHE"
	exec {fd}> "$LAB_CACHE/$name.lock"
	flock -w "$wait" "$fd" || die "somebody else has held $LAB_CACHE/$name.lock for $((wait / 60)) minutes"
	"$@"
	exec {fd}>&-
}

# in_chroot DIR COMMAND...: with a /proc (objtool of Linux 7.2 reads it) that nobody else sees.
# In a chroot that is no mount point there can be no private mounts; then /proc is mounted for that long.
in_chroot() {
	local dir=$1 enter rc=0
	shift
	enter=(chroot "$dir" env -i HOME=/root TERM=dumb LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin)
	if unshare --mount true 2> /dev/null; then
		# shellcheck disable=SC2016 # for the inner shell
		unshare --mount sh -c 'mount -t proc proc "$0/proc" 2> /dev/null; exec "$@"' "$dir" "${enter[@]}" "$@"
	elif mount -t proc proc "$dir/proc" 2> /dev/null; then
		"${enter[@]}" "$@" || rc=$?
		umount "$dir/proc" 2> /dev/null || umount -l "$dir/proc"
		return $rc
	else
		"${enter[@]}" "$@"
	fi
}

# in_root COMMAND...: in the suite root.
in_root() {
	in_chroot "$ROOT" "$@"
}

# version_in DIR: of the kernel whose modules are there.
version_in() {
	local versions=("$1"/usr/lib/modules/*)
	basename "${versions[-1]}"
}

kernel_version() {
	version_in "$ROOT"
}

guest_kernel_version() {
	version_in "$GUEST_DIR/modtree"
}

# The VMs in words.
describe_guests() {
	[ "$KERNEL" = debian ] && echo "$GUEST guests" || echo "$GUEST guests with $(guest_kernel_version)"
}

xen_version() {
	local image=("$ROOT"/boot/xen-*.gz)
	basename "${image[-1]}" | sed 's/^xen-\([0-9.]*\)-.*/\1/'
}
