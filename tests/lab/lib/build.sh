# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# lab build: the project compiled inside the suite root, and what the machines get to see of it.
#
#   $ROOT/src/KEY/tree    copy of the source tree, compiled here
#   $ROOT/src/KEY/mods    the machines' module directory with ours in updates/
#   $ROOT/src/KEY/KERNEL  the same two for the VMs, where their kernel is not dom0's
#   $LAB_STATE/fresh      what is laid over the root of every machine: modules, tools, test files
#   $LAB_STATE/payload    dom0's /lab: agent, init scripts, the domUs' kernel and initramfs

build_key() {
	printf '%s' "$LAB_STATE $LAB_SRC" | sha256sum | cut -c1-12
}

# Files of the source tree, NUL-separated: what git knows or would take, else everything but build results.
source_files() {
	if git -C "$LAB_SRC" rev-parse --show-toplevel > /dev/null 2>&1; then
		git -C "$LAB_SRC" ls-files -z --cached --others --exclude-standard
	else
		(cd "$LAB_SRC" && find . -path ./.git -prune -o -path ./build -prune -o -type f -print0)
	fi
}

# Copies sources with their times, so that make compiles only what changed, and removes what is gone.
sync_sources() {
	local work=$1
	mkdir -p "$work/tree"
	source_files | (cd "$LAB_SRC" && while IFS= read -r -d '' f; do
		[ -e "$f" ] && printf '%s\0' "$f"
	done; true) | sort -z > "$work/files.new"
	if [ -e "$work/files" ]; then
		comm -z -23 "$work/files" "$work/files.new" | (cd "$work/tree" && xargs -0 -r rm -f)
	fi
	tar -C "$LAB_SRC" --no-recursion --null -T "$work/files.new" -cf - |
		tar -C "$work/tree" --no-same-owner -xf -
	mv "$work/files.new" "$work/files"
}

has_target() {
	local answer
	answer=$(in_root make -C "$1" -n "$2" 2>&1 || true)
	! grep -q "No rule to make target '$2'" <<< "$answer"
}

compile() {
	local inside=$1/tree kdir target
	kdir=/lib/modules/$(kernel_version)/build
	if ! [ -e "$ROOT$inside/Makefile" ]; then
		echo "no Makefile yet: nothing compiled"
		return 0
	fi
	for target in modules tools testmods; do
		if has_target "$inside" "$target"; then
			in_root make -C "$inside" -j"$(nproc)" KDIR="$kdir" "$target"
		else
			echo "the Makefile has no target $target"
		fi
	done
}

# For the VMs' own kernel, if they have one: the same sources in a tree of their own. What was compiled against another build of
# that kernel is thrown away, since its headers do not tell.
compile_for_guest() {
	local inside=$1 work=$ROOT$1 target
	cmp -s "$GUEST_DIR/key" "$work/key" || rm -rf "$work"
	sync_sources "$work"
	cp "$GUEST_DIR/key" "$work/key"
	for target in modules testmods; do
		in_root make -C "$inside/tree" -j"$(nproc)" KDIR="/src/kernels/$KERNEL" GCOV="${GCOV:+1}" "$target"
	done
	forget_old_counters "$work/tree"
}

# Test programs in C: one file each, static, so that they run in every machine.
compile_helpers() {
	local source
	for source in "$ROOT$1"/tree/tests/lab/helpers/*.c; do
		source=${source#"$ROOT"}
		in_root gcc -O2 -Wall -Wextra -static -o "${source%.c}" "$source"
	done
}

is_elf() {
	[ -f "$1" ] && [ -x "$1" ] && [ "$(head -c 4 "$1" | tr -d '\0')" = $'\x7fELF' ]
}

# collect_modules INSIDE VERSION MODTREE: ours, and the lists of all that kernel's modules.
collect_modules() {
	local work=$ROOT$1 version=$2 modtree=$3 fresh=$LAB_STATE/fresh updates=usr/lib/modules/$2/updates
	rm -rf "$work/mods"
	mkdir -p "$fresh/$updates" "$work/mods"
	cp -al "$modtree/usr" "$work/mods/usr"
	ln -s usr/lib "$work/mods/lib"
	mkdir -p "$work/mods/$updates"
	find "$work/tree" -name '*.ko' -exec cp -t "$work/mods/$updates" {} +
	# What debuggers read is nine tenths of a module, and each modprobe in an emulated VM would read it, too.
	in_root find "$1/mods/$updates" -name '*.ko' -exec strip --strip-debug {} +
	cp -r "$work/mods/$updates" "$fresh/usr/lib/modules/$version/"
	# depmod writes by renaming, so the shared files of modtree stay as they are.
	in_root depmod -b "$1/mods" "$version"
	cp "$work/mods/usr/lib/modules/$version"/modules.* "$fresh/usr/lib/modules/$version/"
}

# Lays out what every machine gets over its root.
collect() {
	local work=$ROOT$1 fresh=$LAB_STATE/fresh file
	rm -rf "$fresh"
	mkdir -p "$fresh/usr/local/bin"
	collect_modules "$1" "$(kernel_version)" "$SUITE_DIR/modtree"
	[ "$KERNEL" = debian ] || collect_modules "$1/$KERNEL" "$(guest_kernel_version)" "$GUEST_DIR/modtree"
	for file in "$work"/tree/tools/* "$work"/tree/tests/lab/helpers/*; do
		if is_elf "$file"; then
			cp "$file" "$fresh/usr/local/bin/"
		fi
	done
}

# The agent is compiled once per suite; the same static binary serves the host.
build_labsh() {
	local source=$LAB_DIR/guest/labsh.c binary=$SUITE_DIR/labsh
	if [ "$binary" -nt "$source" ]; then
		return 0
	fi
	mkdir -p "$ROOT/src"
	cp "$source" "$ROOT/src/labsh.c"
	in_root gcc -O2 -Wall -Wextra -static -o /src/labsh /src/labsh.c
	mv "$ROOT/src/labsh" "$binary"
}

build_project() {
	local inside
	inside=/src/$(build_key)
	mkdir -p "$ROOT$inside"
	sync_sources "$ROOT$inside"
	compile "$inside"
	[ "$KERNEL" = debian ] || compile_for_guest "$inside/$KERNEL"
	compile_helpers "$inside"
	collect "$inside"
}

# What the last build produced, in one line.
describe_fresh() {
	local found
	found=$(cd "$LAB_STATE/fresh" && find . -path '*/updates/*' -o -path './usr/local/bin/*' | sed 's/.*\///' | sort -u | xargs)
	say "built: ${found:-nothing}"
}

lab_build() {
	need_root build
	lab_root quiet
	lab_kernel quiet
	mkdir -p "$LAB_STATE"
	STEP_BLAME=1 step "compiling against Linux $(kernel_version)" build_project
	describe_fresh
}

make_payload() {
	local stage=$LAB_STATE/payload
	build_labsh
	with_lock "domu-$SUITE" make_domu_base
	rm -rf "$stage"
	mkdir -p "$stage"
	cp "$LAB_DIR"/guest/{dom0-init,dom0-vm,domu-init,vif-lab} "$stage/"
	cp "$SUITE_DIR/labsh" "$stage/labsh"
	ln "$GUEST_DIR/vmlinux" "$stage/vmlinux" 2> /dev/null || cp "$GUEST_DIR/vmlinux" "$stage/vmlinux"
	ln "$GUEST_DIR/domu-base.cpio" "$stage/domu-base.cpio" 2> /dev/null ||
		cp "$GUEST_DIR/domu-base.cpio" "$stage/domu-base.cpio"
	lab_hosts > "$stage/hosts"
	make_fresh_tar
	cp "$LAB_STATE/fresh.tar" "$stage/fresh.tar"
	tar -C "$stage" --owner=0 --group=0 -cf "$LAB_STATE/payload.tar" .
}

make_fresh_tar() {
	tar -C "$LAB_STATE/fresh" --owner=0 --group=0 -cf "$LAB_STATE/fresh.tar" usr
}

# lab push: compiles and replaces modules, tools and test files in everything that runs.
lab_push() {
	need_running
	lab_build
	push_fresh
}

push_fresh() {
	local vm pids=() rc=0
	make_fresh_tar
	push_to dom0
	for vm in $(running_vms); do
		push_to "$vm" &
		pids+=($!)
	done
	for vm in "${pids[@]}"; do
		wait "$vm" || rc=$EXIT_ENVIRONMENT
	done
	return "$rc"
}

# VMs that start later take the pushed files from dom0's /lab.
push_to() {
	local save=cat
	[ "$1" = dom0 ] && save='tee /lab/fresh.tar.new'
	lab_exec_raw "$1" 60 "$save | tar x -C / && { [ ! -e /lab/fresh.tar.new ] || mv /lab/fresh.tar.new /lab/fresh.tar; }" \
		< "$LAB_STATE/fresh.tar" || { say "push to $1 failed"; return 1; }
	# modprobe would find the ones of before
	vm_exec "$1" $((60 * SLOW)) 'for m in fido_test fido_liar mmblk mmnet fido; do ! grep -q "^$m " /proc/modules || rmmod $m; done' ||
		say "$1: modules of before the push stay loaded"
	say "pushed to $1"
}
