# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# lab up, down, status: QEMU with Xen and dom0 in it.

qemu_pid() {
	local pid
	pid=$(cat "$LAB_STATE/qemu.pid" 2> /dev/null) || return 1
	# The number may belong to somebody else by now.
	if [ -e /proc/self/cmdline ]; then
		grep -qa "guest=lab:$LAB_STATE" "/proc/$pid/cmdline" 2> /dev/null || return 1
	fi
	kill -0 "$pid" 2> /dev/null && echo "$pid"
}

is_running() {
	qemu_pid > /dev/null
}

need_running() {
	is_running || die "no lab is running in $LAB_STATE (lab up)"
}

total_memory() {
	local vms
	vms=$(wc -w <<< "$VMS")
	# Room for two VMs more than named, for cases that create some, and for Xen.
	echo $((DOM0_MEM + 512 + (vms + 2) * (VM_MEM + 48)))
}

xen_options() {
	# The page-table and speculation defences cost time and guard nothing in a lab. But "spec-ctrl=no" alone also brings
	# lazy FPU switching, and QEMU 7.2's AVX instructions do not look at CR0.TS: processes then see each other's registers.
	echo "console=com1 loglvl=all guest_loglvl=all bootscrub=off spec-ctrl=no,eager-fpu=yes xpti=no" \
		"dom0_mem=${DOM0_MEM}M,max:${DOM0_MEM}M dom0_max_vcpus=$LAB_SMP" \
		"gnttab_max_frames=4096 gnttab_max_maptrack_frames=16384 ${XEN_EXTRA-}"
}

# The emulator, the more so on a busy machine, keeps a processor waiting for longer than the kernels' watchdogs allow.
patience() {
	echo "watchdog_thresh=30 rcupdate.rcu_cpu_stall_timeout=60"
}

dom0_options() {
	echo "console=hvc0 loglevel=8 printk.devkmsg=on mitigations=off audit=0 net.ifnames=0 cryptomgr.notests" \
		"$(patience) ${DOM0_EXTRA-}"
}

cpu_options() {
	if [ "$1" = kvm ]; then
		echo host
		return
	fi
	# QEMU 7.2 checks SMAP in an iret between ring-3 segments, which is where a PV kernel lives.
	# For PVH, TCG's nested virtualization gives Xen no length of the instruction rdtscp. KASAN's shadow there wants four levels.
	case $KERNEL,$GUEST in
	debug-pvh,*) echo "max,-smap,-smep,-rdtscp,-la57${CPU_WITHOUT-}" ;;
	*,pvh) echo "max,-smap,-smep,-rdtscp${CPU_WITHOUT-}" ;;
	*) echo "max,-smap,-smep${CPU_WITHOUT-}" ;;
	esac
}

accel_options() {
	[ "$1" = kvm ] && echo kvm || echo tcg,thread=multi,tb-size=1024
}

# Names without a path: QEMU splits -initrd at commas and blanks.
link_images() {
	ln -sf "$SUITE_DIR/xen" "$LAB_STATE/xen"
	ln -sf "$SUITE_DIR/vmlinux" "$LAB_STATE/vmlinux"
	ln -sf "$SUITE_DIR/dom0-initrd.cpio" "$LAB_STATE/dom0-initrd"
}

start_qemu() {
	local accel=$1 port=$2
	(
		cd "$LAB_STATE" || exit
		# shellcheck disable=SC2086 # words, of QEMU_EXTRA
		TMPDIR=$LAB_STATE exec setsid qemu-system-x86_64 -name "guest=lab:$LAB_STATE" \
			-accel "$(accel_options "$accel")" -cpu "$(cpu_options "$accel")" \
			-smp "$LAB_SMP" -m "$(total_memory)" -display none -no-reboot -nodefaults \
			-kernel xen -append "$(xen_options)" \
			-initrd "vmlinux $(dom0_options | sed 's/,/,,/g'),dom0-initrd" \
			-chardev "socket,id=con,path=console.sock,server=on,wait=off,logfile=log/host.log" -serial chardev:con \
			-chardev "socket,id=mon,path=monitor.sock,server=on,wait=off" -mon mon \
			-drive "file=$SUITE_DIR/root.img,format=raw,if=virtio,snapshot=on,cache=unsafe" \
			-drive "file=payload.tar,format=raw,if=virtio,readonly=on" \
			-netdev "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:$port-10.0.2.15:5000" -device virtio-net-pci,netdev=net,romfile= \
			-virtfs "local,path=log,mount_tag=lablog,security_model=none" \
			${QEMU_EXTRA-} \
			< /dev/null > qemu.log 2>&1
	) &
	echo $! > "$LAB_STATE/qemu.pid"
	# Until the exec the process is still this shell.
	wait_until 5 is_running || true
}

# wait_line SECONDS FILE TEXT: also ends when QEMU does.
wait_line() {
	local end=$((SECONDS + $1))
	until grep -qa -e "$3" "$2" 2> /dev/null; do
		is_running || return 1
		[ $SECONDS -lt $end ] || return 1
		sleep 0.2
	done
}

boot_dom0() {
	local accel=$1 limit=$2 port
	port=$((20000 + RANDOM % 40000))
	rm -rf "$LOGS" "$LAB_STATE/vms" "$LAB_STATE/marks"
	mkdir -p "$LOGS" "$LAB_STATE/vms"
	start_qemu "$accel" "$port"
	save_config "$accel" "$port"
	wait_line "$limit" "$LOGS/host.log" "LAB-READY dom0" && wait_until $((30 * SLOW)) vm_answers dom0
}

save_config() {
	cat > "$CONFIG" << END
KERNEL='$KERNEL' GUEST='$GUEST' VMS='$VMS' VM_MEM='$VM_MEM' VCPUS='$VCPUS' DOM0_MEM='$DOM0_MEM' LAB_SMP='$LAB_SMP'
LAB_RUNS_ON='$1' LAB_PORT='$2'
END
	# shellcheck disable=SC2034 # lib/vm.sh connects to it
	LAB_RUNS_ON=$1 LAB_PORT=$2
}

# Whether KVM carries Xen is only known by trying, and the answer holds for this kernel and QEMU.
kvm_verdict_file() {
	echo "$LAB_CACHE/kvm-$({ uname -r; grep -m1 'model name' /proc/cpuinfo 2> /dev/null || true; qemu-system-x86_64 --version; } | sha256sum | cut -c1-12)"
}

try_kvm() {
	local verdict
	case ${LAB_ACCEL:-auto} in
	tcg) return 1 ;;
	kvm) ;;
	*)
		verdict=$(kvm_verdict_file)
		[ "$(cat "$verdict" 2> /dev/null)" = no ] && return 1
		[ -r /dev/kvm ] && [ -w /dev/kvm ] || return 1
		;;
	esac
	say "trying KVM (at most 60 s)"
	if boot_dom0 kvm 60; then
		echo yes > "$(kvm_verdict_file)"
		return 0
	fi
	kill_qemu
	[ "${LAB_ACCEL:-auto}" = kvm ] && die "KVM does not carry Xen here: see $LOGS/host.log"
	say "KVM does not carry Xen here; TCG from now on"
	echo no > "$(kvm_verdict_file)"
	return 1
}

boot_host() {
	local attempt
	try_kvm && return 0
	# Nothing of ours runs yet. QEMU has ended if a port was taken by somebody else, or if TCG had dom0 crash: both are worth another try.
	for attempt in 1 2 3; do
		boot_dom0 tcg $((180 * SLOW)) && return 0
		! is_running || break
		say "QEMU has ended before dom0 was up, attempt $attempt of 3: $(grep -ashm1 -E 'Oops|host forwarding|panic' "$LOGS/host.log" "$LAB_STATE/qemu.log" | tail -n 1)"
	done
	tail -n 15 "$LAB_STATE/qemu.log" "$LOGS/host.log" >&2
	kill_qemu
	die "the Xen host did not boot: $(short_path "$LOGS/host.log")"
}

# The kernel of a running lab is what it was started with.
need_kernel_asked() {
	[ -z "$KERNEL_ASKED" ] || [ "$KERNEL_ASKED" = "$KERNEL" ] ||
		die "a lab with KERNEL=$KERNEL runs in $LAB_STATE: lab down, or another LAB_STATE"
}

lab_up() {
	local start=$SECONDS
	if is_running; then
		need_kernel_asked
		say "already running ($LAB_STATE); use lab push for new modules"
		return 0
	fi
	need_root up
	lab_setup quiet
	rm -f "$CONFIG"
	lab_build
	step "packing the machines" make_payload
	link_images
	boot_host
	say "dom0 answers after $((SECONDS - start)) s ($LAB_RUNS_ON, Xen $(xen_version), Linux $(kernel_version), $(describe_guests))"
	# shellcheck disable=SC2086
	start_vms $VMS || { lab_down; exit "$EXIT_ENVIRONMENT"; }
	say "up after $((SECONDS - start)) s; logs in $(short_path "$LOGS")"
}

kill_qemu() {
	local pid
	pid=$(qemu_pid) || return 0
	kill "$pid" 2> /dev/null || true
	wait_until 5 process_gone "$pid" || kill -9 "$pid" 2> /dev/null || true
	wait_until 5 process_gone "$pid" || true
	rm -f "$LAB_STATE/qemu.pid" "$LAB_STATE"/*.sock
}

process_gone() {
	! kill -0 "$1" 2> /dev/null || { [ -e /proc/self/cmdline ] && ! grep -qa . "/proc/$1/cmdline" 2> /dev/null; }
}

lab_down() {
	kill_qemu
	rm -f "$CONFIG"
	say "down; logs stay in $(short_path "$LOGS")"
}

lab_status() {
	if ! is_running; then
		echo "not running ($LAB_STATE)"
		return 1
	fi
	echo "running on $LAB_RUNS_ON: $SUITE, Xen $(xen_version), Linux $(kernel_version), $(describe_guests), state $LAB_STATE"
	lab_exec_raw dom0 20 'xl list' < /dev/null
}

lab_logs() {
	local name=${1-}
	case $name in
	'') ls -l "$LOGS" ;;
	dom0 | xen | host) cat "$LOGS/host.log" ;;
	*) cat "$LOGS/guest-$name.log" ;;
	esac
}
