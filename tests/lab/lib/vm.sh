# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Commands in the machines, and the machines' own lives.

# vm_index NAME: letters have fixed numbers, so the address of a VM needs no table; other names are numbered as they come.
vm_index() {
	local name=$1 index=27
	if [[ $name =~ ^[a-z]$ ]]; then
		echo $(($(printf '%d' "'$name") - 96))
		return
	fi
	mkdir -p "$LAB_STATE/index"
	if ! [ -e "$LAB_STATE/index/$name" ]; then
		while ! (set -C; echo "$name" > "$LAB_STATE/index/.$index") 2> /dev/null; do
			index=$((index + 1))
		done
		echo $index > "$LAB_STATE/index/$name"
	fi
	cat "$LAB_STATE/index/$name"
}

vm_address() {
	[ "$1" = dom0 ] && echo - || echo "10.99.0.$((10 + $(vm_index "$1")))"
}

lab_hosts() {
	local letter
	echo 10.99.0.1 dom0-net
	for letter in {a..z}; do
		echo "10.99.0.$((10 + $(vm_index "$letter"))) $letter"
	done
}

# lab_exec_raw NAME SECONDS COMMAND: standard input is passed on; 0 seconds is no limit.
lab_exec_raw() {
	"$SUITE_DIR/labsh" exec -i -t "$2" 127.0.0.1 "$LAB_PORT" "$(vm_address "$1")" "$3"
}

# Without standard input, as cases want it.
vm_exec() {
	"$SUITE_DIR/labsh" exec -t "$2" 127.0.0.1 "$LAB_PORT" "$(vm_address "$1")" "$3" < /dev/null
}

vm_answers() {
	vm_exec "$1" $((5 * SLOW)) true 2> /dev/null
}

lab_exec() {
	local name=$1
	shift
	need_running
	if [ -t 0 ]; then
		vm_exec "$name" "${LAB_TIMEOUT:-0}" "$*"
	else
		lab_exec_raw "$name" "${LAB_TIMEOUT:-0}" "$*"
	fi
}

# attempt SECONDS NAME COMMAND: for what may not be built yet.
attempt() {
	local seconds=$1 name=$2
	shift 2
	vm_exec "$name" $((seconds * SLOW)) "$*" > "$LAB_STATE/attempt.log" 2>&1 && return 0
	say "$name: $* failed: $(tail -n 1 "$LAB_STATE/attempt.log")"
	return 1
}

# connect_pair A B PREFIX: a network between two VMs, PREFIX.1 and PREFIX.2.
connect_pair() {
	local a=$1 b=$2 prefix=$3 dev_a dev_b
	attempt 120 dom0 "fidoctl net add $a $b --wait 60" || return 1
	# The interface that appeared last is the new one.
	dev_a=$(vm_exec "$a" 20 'ls -tr /sys/bus/fido/devices/*/net | grep mmnet | tail -n 1')
	dev_b=$(vm_exec "$b" 20 'ls -tr /sys/bus/fido/devices/*/net | grep mmnet | tail -n 1')
	attempt 20 "$a" "ip addr replace $prefix.1/24 dev $dev_a && ip link set $dev_a up" &&
		attempt 20 "$b" "ip addr replace $prefix.2/24 dev $dev_b && ip link set $dev_b up" &&
		say "$a $dev_a $prefix.1 <-> $prefix.2 $dev_b $b"
}

# Modules loaded, and a network from the first VM to each other, as far as that is built.
connect_vms() {
	local vm first=${VMS%% *} number=1
	for vm in $VMS; do
		attempt 30 "$vm" 'modprobe -a fido mmnet mmblk' || return 0
	done
	vm_exec dom0 10 'command -v fidoctl' > /dev/null 2>&1 || { say "fidoctl is not built: no link"; return 0; }
	for vm in $VMS; do
		[ "$vm" != "$first" ] || continue
		vm_exec dom0 20 "fidoctl net list | grep -w $first | grep -qw $vm" 2> /dev/null ||
			connect_pair "$first" "$vm" "10.5.$number" || return 0
		number=$((number + 1))
	done
}

lab_shell() {
	local name=${1:-dom0}
	is_running || lab_up
	# shellcheck disable=SC1090
	. "$CONFIG"
	[ "$name" != dom0 ] || connect_vms
	say "a shell in $name; from dom0, xl console a goes to a VM and Ctrl-] comes back; lab down ends it all"
	"$SUITE_DIR/labsh" exec -y 127.0.0.1 "$LAB_PORT" "$(vm_address "$name")" 'cd /root; exec bash -i'
}

# Domains that Xen has, without dom0: "name domid state" per line.
domain_list() {
	vm_exec dom0 $((60 * SLOW)) 'xl list' | awk 'NR > 1 && $2 != 0 { print $1, $2, $5 }'
}

running_vms() {
	domain_list | awk '$3 !~ /[csdp]/ { print $1 }'
}

# As Xen says now
xen_domid() {
	domain_list | awk -v n="$1" '$1 == n { print $2 }'
}

# As the last start noted it; for what was not started here, or is gone, as Xen says.
vm_domid() {
	local domid
	if read -r domid _ 2> /dev/null < "$LAB_STATE/vms/$1" && [[ $domid =~ ^[0-9]+$ ]]; then
		echo "$domid"
	else
		xen_domid "$1"
	fi
}

# The share of Xen's tables that a VM of this size needs with four peers of its kind and dom0.
grant_frames() {
	local frames=$((VM_MEM * 2 + 128))
	echo $((frames > 4096 ? 4096 : frames))
}

maptrack_frames() {
	local frames=$((VM_MEM * 4 + DOM0_MEM + 256))
	echo $((frames > 16384 ? 16384 : frames))
}

# What the VMs' kernel is told beside its own defaults. One that watches itself is late for its own watchdogs.
guest_options() {
	case $KERNEL in
	debug-pv) echo "page_poison=1 workqueue.watchdog_thresh=90 ${DOMU_EXTRA-}" ;;
	debug-pvh) echo "kasan_multi_shot workqueue.watchdog_thresh=90 ${DOMU_EXTRA-}" ;;
	*) echo "${DOMU_EXTRA-}" ;;
	esac
}

console_log() {
	echo "$LOGS/guest-$1.log"
}

console_size() {
	stat -c %s "$(console_log "$1")" 2> /dev/null || echo 0
}

console_since() {
	tail -c "+$(($2 + 1))" "$(console_log "$1")" 2> /dev/null
}

says_ready() {
	console_since "$1" "$2" | has -a "LAB-READY $1"
}

# Ready, or dead, or a crash loop: anything that ends the wait. dom0 is asked now and then: the VM boots by the processors that this takes.
start_settled() {
	local list
	says_ready "$1" "$2" && return 0
	[ $SECONDS -ge "$look_at" ] || return 1
	look_at=$((SECONDS + 3))
	# No answer from a busy dom0 is no news about the VM.
	list=$(domain_list) || return 1
	case $(awk -v n="$1" '$1 == n { print $3 }' <<< "$list") in
	'' | *c* | *s*) return 0 ;;
	esac
	return 1
}

vm_create_once() {
	local name=$1 from look_at=0
	# Made here: without /proc QEMU's 9p server can open files, but make none.
	: >> "$(console_log "$name")"
	from=$(console_size "$name")
	vm_exec dom0 $((120 * SLOW)) "/lab/dom0-vm $name $(vm_index "$name") $GUEST $VM_MEM $VCPUS $(grant_frames) $(maptrack_frames) '$(guest_options)'" \
		> "$LAB_STATE/xl-$name.log" 2>&1 || { cat "$LAB_STATE/xl-$name.log" >&2; return 1; }
	wait_until $((120 * SLOW)) start_settled "$name" "$from" || true
	if says_ready "$name" "$from" && wait_until $((30 * SLOW)) vm_answers "$name"; then
		echo "$(xen_domid "$name") running" > "$LAB_STATE/vms/$name"
		return 0
	fi
	return 1
}

# Under TCG a PVH guest sometimes dies before its first line; such a start is tried again, and said.
vm_start() {
	local name=$1 from start=$SECONDS try
	[ -z "$(xen_domid "$name")" ] || { say "$name exists already"; return 1; }
	for try in 1 2 3; do
		from=$(console_size "$name")
		if vm_create_once "$name"; then
			say "$name answers after $((SECONDS - start)) s"
			return 0
		fi
		vm_exec dom0 $((30 * SLOW)) "xl destroy $name" > /dev/null 2>&1 || true
		if console_since "$name" "$from" | has -a 'LAB-FIRST-LINE'; then
			break
		fi
		say "$name died before its first line (start $try of 3)"
	done
	say "$name did not start: $(short_path "$(console_log "$name")")"
	return 1
}

# All at once: while one is being built, the other boots.
start_vms() {
	local vm pids=() rc=0
	for vm in "$@"; do
		vm_start "$vm" &
		pids+=($!)
	done
	for vm in "${pids[@]}"; do
		wait "$vm" || rc=1
	done
	return $rc
}

vm_destroy() {
	rm -f "$LAB_STATE/vms/$1"
	vm_exec dom0 $((60 * SLOW)) "xl destroy $1"
}

vm_mark() {
	local domid
	read -r domid _ < "$LAB_STATE/vms/$1" && echo "$domid $2" > "$LAB_STATE/vms/$1"
}

lab_vm() {
	local verb=${1-} name=${2-}
	need_running
	[ -n "$name" ] || die "lab vm start|destroy|pause|unpause|reboot NAME"
	case $verb in
	start) vm_start "$name" ;;
	destroy) vm_destroy "$name" ;;
	pause) vm_mark "$name" paused; vm_exec dom0 $((30 * SLOW)) "xl pause $name" ;;
	unpause) vm_exec dom0 $((30 * SLOW)) "xl unpause $name"; vm_mark "$name" running ;;
	reboot) vm_destroy "$name" && vm_start "$name" ;;
	*) die "lab vm start|destroy|pause|unpause|reboot NAME" ;;
	esac
}
