# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# GCOV=1, with KERNEL=debug-pv: which lines of the modules ran in the VMs. What a VM counted is taken from it at the end of each
# case, and lost when the case ends the VM.
#
#   $LAB_STATE/gcov/CASE.VM.tar    counters of one VM in one case
#   $LAB_STATE/coverage/           annotated sources, of all of these together

# A command that packs the counters and begins them anew. Their files in debugfs have no size, so tar cannot take them.
pack_counters() {
	cat << 'END'
cd /sys/kernel/debug/gcov || exit 0
mkdir -p /tmp/gcov
find . -name '*.gcda' | while read -r f; do mkdir -p "/tmp/gcov/${f%/*}"; cat "$f" > "/tmp/gcov/$f"; done
echo 1 > reset
tar c -C /tmp/gcov . && rm -rf /tmp/gcov
END
}

# gather_counters VM...
gather_counters() {
	local vm
	[ -n "${GCOV-}" ] || return 0
	mkdir -p "$LAB_STATE/gcov"
	for vm in "$@"; do
		vm_exec "$vm" $((30 * SLOW)) "$(pack_counters)" > "$LAB_STATE/gcov/$CASE_NAME.$vm.tar" 2> /dev/null || true
	done
}

# add_counters DIR: to those in DIR/sum, of what is in DIR/one; gcov-tool makes the sum of two directories.
add_counters() {
	local dir=$1
	[ -d "$ROOT$dir/sum" ] || { mv "$ROOT$dir/one" "$ROOT$dir/sum"; return; }
	in_root gcov-tool merge -o "$dir/new" "$dir/sum" "$dir/one" > /dev/null
	rm -rf "${ROOT:?}$dir"/{sum,one}
	mv "$ROOT$dir/new" "$ROOT$dir/sum"
}

sum_counters() {
	local dir=$1 file
	rm -rf "${ROOT:?}$dir"
	for file in "$LAB_STATE"/gcov/*.tar; do
		[ -s "$file" ] || continue
		mkdir -p "$ROOT$dir/one"
		tar -C "$ROOT$dir/one" --no-same-owner -xf "$file"
		add_counters "$dir"
	done
}

# run_gcov TREE: "file percent lines" per source file; the annotated sources stay in TREE.cov.
run_gcov() {
	in_root sh -ec '
		rm -rf "$1.cov"; mkdir "$1.cov"; cd "$1.cov"
		find "$1" -name "*.gcda" | sort | xargs -r gcov -b -p -r -s "$1" 2> /dev/null' sh "$1" |
		sed -nE "s/^File '([^']*)'/\1/p; s/^Lines executed:([0-9.]+)% of ([0-9]+)/\1 \2/p" |
		awk 'NF == 1 { file = $1 } NF == 2 && file != "" { print file, $1, $2; file = "" }' | sort -u
}

lab_coverage() {
	local inside
	inside=/src/$(build_key)/$KERNEL
	need_root coverage
	[ -d "$ROOT$inside/tree" ] || die "nothing compiled for KERNEL=$KERNEL here"
	compgen -G "$LAB_STATE/gcov/*.tar" > /dev/null || die "no counters in $LAB_STATE/gcov: KERNEL=debug-pv GCOV=1 tests/lab/lab run"
	find "$ROOT$inside/tree" -name '*.gcda' -delete
	sum_counters "$inside/gcov"
	[ -d "$ROOT$inside/gcov/sum$inside/tree" ] || die "the VMs counted nothing"
	cp -r "$ROOT$inside/gcov/sum$inside/tree/." "$ROOT$inside/tree/"
	run_gcov "$inside/tree" | awk '{ printf "%6.2f %% of %5d  %s\n", $2, $3, $1; all += $3; ran += $2 * $3 / 100 }
		END { if (all) printf "%6.2f %% of %5d  all\n", 100 * ran / all, all }'
	rm -rf "$LAB_STATE/coverage"
	cp -r "$ROOT$inside/tree.cov" "$LAB_STATE/coverage"
	say "annotated sources in $(short_path "$LAB_STATE/coverage")"
}
