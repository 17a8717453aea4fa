# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# lab kernel: a debug kernel for the VMs from the suite's own source package, small enough to be built in minutes.
#
#   $BUILDER              root with compiler and source, shared by all of them; objects are kept in its /src/KERNEL
#   $GUEST_DIR            what the lab takes: vmlinux, modtree, build (for the project's modules), config, key
#   $ROOT/src/kernels     the same build trees, where the project is compiled

# Raised when the way of building changes and not only the options.
KERNEL_RECIPE=1

BUILDER=$SUITE_DIR/kernels/builder

# linux-source-6.12 of 6.12.107+deb13-amd64
source_package() {
	kernel_version | sed -E 's/^([0-9]+\.[0-9]+).*/linux-source-\1/'
}

builder_packages() {
	echo gcc libc6-dev make perl python3-minimal flex bison bc libelf-dev libssl-dev kmod cpio xz-utils "$(source_package)"
}

builder_key() {
	{ echo "$KERNEL_RECIPE" "$SUITE" "$(kernel_version)"; builder_packages; } | sha256sum | cut -c1-16
}

kernel_fragment() {
	cat "$LAB_DIR/kernel/common.config" "$LAB_DIR/kernel/$KERNEL.config"
	echo "CONFIG_LOCALVERSION=\"-$KERNEL\""
}

# By options and version of the source.
kernel_key() {
	{ builder_key; kernel_fragment | grep '^CONFIG_' | sort; } | sha256sum | cut -c1-16
}

# What KASAN needs in a PVH guest: GCC's instrumentation of the stack is forced on unless its option can be chosen, and what runs
# before there is a shadow must not look into it.
adapt_source() {
	local linux=$BUILDER/src/linux
	sed -i '/^config KASAN_STACK/,/help/s/ if CC_IS_CLANG.*//' "$linux/lib/Kconfig.kasan"
	echo 'KASAN_SANITIZE := n' >> "$linux/arch/x86/xen/Makefile"
	echo 'KASAN_SANITIZE_features.o := n' >> "$linux/drivers/xen/Makefile"
}

unpack_source() {
	mkdir -p "$BUILDER/src/linux"
	in_chroot "$BUILDER" tar -xJf "/usr/src/$(source_package).tar.xz" -C /src/linux --strip-components=1
	adapt_source
}

make_builder() {
	local key
	key=$(builder_key)
	[ "$(cat "$BUILDER.key" 2> /dev/null)" = "$key" ] && return 0
	rm -rf "$BUILDER" "$BUILDER.key"
	mkdir -p "$SUITE_DIR/kernels"
	# shellcheck disable=SC2046 # words
	step "compiler and $(source_package)" bootstrap "$BUILDER" $(builder_packages)
	step "unpacking the source" unpack_source
	echo "$key" > "$BUILDER.key"
}

kernel_make() {
	in_chroot "$BUILDER" make -C /src/linux O="/src/$KERNEL" "$@"
}

# check_options WANTED CONFIG: dependencies may have taken an option away without a word.
check_options() {
	local line missing=0
	while IFS= read -r line; do
		if ! has_option "$line" "$2"; then
			echo "$line was asked for, but the configuration says: $(grep -wE "${line%%=*}" "$2" || echo nothing)" >&2
			missing=1
		fi
	done <<< "$(grep '^CONFIG_' "$1")"
	return $missing
}

has_option() {
	case $1 in
	*=n) ! grep -qE "^${1%=n}=" "$2" ;;
	*) grep -qxF "$1" "$2" ;;
	esac
}

configure_kernel() {
	local dir=$BUILDER/src/$KERNEL
	mkdir -p "$dir"
	kernel_fragment > "$dir.config"
	kernel_make KCONFIG_ALLCONFIG="/src/$KERNEL.config" allnoconfig
	check_options "$dir.config" "$dir/.config"
}

# What dom0 gets of it, what the initramfs gets, and what modules are compiled against.
install_kernel() {
	local new=$GUEST_DIR.new out=/src/$KERNEL.out dir=$BUILDER/src/$KERNEL
	rm -rf "$new" "${BUILDER:?}$out"
	mkdir -p "$new" "$BUILDER$out"
	kernel_make INSTALL_MOD_PATH="$out/modtree/usr" DEPMOD=true modules_install
	rm -f "$BUILDER$out"/modtree/usr/lib/modules/*/{build,source}
	# shellcheck disable=SC2016 # for make
	kernel_make run-command KBUILD_RUN_COMMAND='$(srctree)/scripts/package/install-extmod-build '"$out/build"
	in_chroot "$BUILDER" objcopy -R .comment -S "/src/$KERNEL/vmlinux" "$out/vmlinux"
	mv "$BUILDER$out"/* "$new/"
	rmdir "$BUILDER$out"
	cp "$dir/System.map" "$new/"
	cp "$dir/.config" "$new/config"
}

kernel_is_ready() {
	[ "$(cat "$GUEST_DIR/key" 2> /dev/null)" = "$(kernel_key)" ]
}

build_kernel() {
	kernel_is_ready && return 0
	say "building the kernel $KERNEL of $SUITE in $GUEST_DIR (once)"
	make_builder
	step "options of $KERNEL" configure_kernel
	step "compiling $KERNEL" kernel_make -j"$(nproc)" vmlinux modules
	step "modules and headers of $KERNEL" install_kernel
	rm -rf "$GUEST_DIR"
	mv "$GUEST_DIR.new" "$GUEST_DIR"
	kernel_key > "$GUEST_DIR/key"
}

# Modules are compiled in the suite's root, which may be newer than the kernel.
lay_build_tree() {
	local tree=$ROOT/src/kernels/$KERNEL
	cmp -s "$GUEST_DIR/key" "$tree/key" && return 0
	rm -rf "$tree"
	mkdir -p "$ROOT/src/kernels"
	cp -al "$GUEST_DIR/build" "$tree"
	cp "$GUEST_DIR/key" "$tree/key"
}

lab_kernel() {
	if [ "$KERNEL" = debian ]; then
		[ "${1-}" = quiet ] || die "which one? KERNEL=debug-pv or KERNEL=debug-pvh"
		return 0
	fi
	need_root kernel
	lab_root quiet
	# One that is ready does not wait for another one that is being built.
	kernel_is_ready || LOCK_WAIT=7200 with_lock "kernel-$SUITE" build_kernel
	LOCK_WAIT=7200 with_lock "kernel-$KERNEL-$SUITE" lay_build_tree
	[ "${1-}" = quiet ] || say "$KERNEL: Linux $(guest_kernel_version), $GUEST_DIR"
}
