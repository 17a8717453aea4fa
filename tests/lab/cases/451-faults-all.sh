# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: an hour or more
# DESCRIPTION: each call by which modules are loaded, and links, networks, servers and clients of disks are set up, fails once: it is told, nobody else notices, nothing is left, and the next try works
# TIMEOUT: 14400
# VMS: c
# shellcheck disable=SC1091
. "$LAB_DIR/cases/faults-lib.sh"

# All of them, or some: KINDS="net" lab run 451
KINDS=${KINDS:-load net disk}

# ---- loading: the modules of a ----

MODULES='modprobe fido && modprobe mmnet && modprobe mmblk'

loading_sites() {
	unload_modules a
	sites_forget a
	in_vm a "$MODULES"
	sites_note load a
}

# A module is there with all that it needs, or not at all.
loading_fault() {
	local site=$1 function=$2 what="$2 from $3 (load, a)" said works=1 failed
	TRIED=$((TRIED + 1))
	unload_modules a
	fault_arm a "$site" "$function"
	said=$(in_vm a "($MODULES) 2>&1") || works=0
	failed=$(fault_end a)
	[ "$failed" = 1 ] || fail "$what: it was not called"
	if [ $works = 1 ]; then
		RECOVERED=$((RECOVERED + 1))
		diag "$what: they are loaded all the same"
	else
		ANEW=$((ANEW + 1))
		assert_match "$said" 'allocate memory|No space|No such device' "what modprobe says, $what"
		diag "$what: $(tail -n 1 <<< "$said")"
	fi
	unload_modules a
	in_vm a "$MODULES" || fail "$what: without a fault the modules cannot be loaded either"
}

loading() {
	local list line
	loading_sites
	mapfile -t list < <(cut -d ' ' -f 3- "$CASE_DIR/sites")
	diag "loading: ${#list[@]} sites"
	for line in "${list[@]}"; do
		# shellcheck disable=SC2086
		loading_fault $line
	done
}

run() {
	local kind
	faults_start
	[[ $KINDS != *load* ]] || loading
	beside_start
	for kind in ${KINDS/load/}; do
		sites_of "$kind"
	done
	memory_note
	{ grep -v '^load ' "$CASE_DIR/sites" || true; } > "$CASE_DIR/later"
	faults_each < "$CASE_DIR/later"
	faults_summary
	memory_is_back 8192
}

cleanup() {
	faults_cleanup
}
