# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# GCOV=1, with KERNEL=debug-pv: which lines of the modules ran in the VMs. What a VM counted is taken from it at the end of each
# case, and lost when the case ends the VM.
#
#   $LAB_STATE/gcov/CASE.VM.tar    counters of one VM in one case
#   $LAB_STATE/coverage/           annotated sources, of all of these together

# A command that packs the counters and begins them anew. Their files in debugfs have no size, so tar cannot take them itself.
pack_counters() {
	cat << 'END'
cd /sys/kernel/debug/gcov || exit 0
rm -rf /tmp/gcov
cp -r . /tmp/gcov
echo 1 > reset
tar c -C /tmp/gcov --exclude='*.gcno' . && rm -rf /tmp/gcov
END
}

# forget_old_counters TREE: those of other code than what was compiled now.
forget_old_counters() {
	local key
	[ -n "$GCOV" ] || return 0
	key=$(find "$1" -name '*.gcno' -exec sha256sum {} + | sort | sha256sum)
	[ "$(cat "$LAB_STATE/gcov/key" 2> /dev/null)" != "$key" ] || return 0
	rm -rf "$LAB_STATE/gcov"
	mkdir -p "$LAB_STATE/gcov"
	echo "$key" > "$LAB_STATE/gcov/key"
}

# gather_counters VM...
gather_counters() {
	local vm pids=()
	[ -n "$GCOV" ] || return 0
	mkdir -p "$LAB_STATE/gcov"
	for vm in "$@"; do
		vm_exec "$vm" $((30 * SLOW)) "$(pack_counters)" > "$LAB_STATE/gcov/$CASE_NAME.$vm.tar" 2> /dev/null &
		pids+=($!)
	done
	wait "${pids[@]}" || true
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
		# gcov-tool makes nothing of nothing: a case may load no module, and a VM may be gone
		[ -n "$(tar -tf "$file" 2> /dev/null | sed -n '/\.gcda$/p')" ] || continue
		mkdir -p "$ROOT$dir/one"
		tar -C "$ROOT$dir/one" --no-same-owner -xf "$file"
		add_counters "$dir"
	done
}

# run_gcov TREE: the sources of the three modules, annotated, in TREE.cov; an object without counters never ran.
run_gcov() {
	in_root sh -ec '
		rm -rf "$1.cov"; mkdir "$1.cov"; cd "$1.cov"
		find "$1/fido" "$1/mmnet" "$1/mmblk" -name "*.gcno" ! -name "*.mod.gcno" | sort |
			xargs gcov -b -p -r -s "$1" > summary 2> errors' sh "$1"
}

# line_coverage SUMMARY: percent, lines and file of the modules' sources, and all of them; the kernel's headers are not ours.
line_coverage() {
	sed -nE "s/^File '([^']*)'/\\1/p; s/^Lines executed:([0-9.]+)% of ([0-9]+)/\\1 \\2/p" "$1" |
		awk 'NF == 1 { file = $1 }
			NF == 2 && file ~ /^(fido|mmnet|mmblk)\// {
				printf "%6.2f %% of %5d  %s\n", $1, $2, file
				all += $2; ran += $1 * $2 / 100; file = ""
			}
			END { if (all) printf "%6.2f %% of %5d  all\n", 100 * ran / all, all }'
}

# functions_not_run DIR: "file function" of each that no case called. One in a header counts as called if it was in any object.
functions_not_run() {
	(cd "$1" && awk '
		$1 == "function" && $3 == "called" {
			file = FILENAME; sub(/\.gcov$/, "", file); gsub(/#/, "/", file)
			ran[file " " $2] += $4
		}
		END { for (name in ran) if (!ran[name]) print name }' ./*.gcov | sed 's/^\.\///' | sort)
}

# Counters beside the objects that they belong to.
lay_counters() {
	local inside=$1
	find "$ROOT$inside/tree" -name '*.gcda' -delete
	sum_counters "$inside/gcov"
	[ -d "$ROOT$inside/gcov/sum$inside/tree" ] || { echo "the VMs counted nothing" >&2; return 1; }
	cp -r "$ROOT$inside/gcov/sum$inside/tree/." "$ROOT$inside/tree/"
}

lab_coverage() {
	local inside cov=$LAB_STATE/coverage
	inside=/src/$(build_key)/$KERNEL
	need_root coverage
	[ -d "$ROOT$inside/tree" ] || die "nothing compiled for KERNEL=$KERNEL here"
	compgen -G "$LAB_STATE/gcov/*.tar" > /dev/null || die "no counters in $LAB_STATE/gcov: KERNEL=debug-pv GCOV=1 tests/lab/lab run"
	step "adding the counters of all cases" lay_counters "$inside"
	step "gcov" run_gcov "$inside/tree"
	rm -rf "$cov"
	cp -r "$ROOT$inside/tree.cov" "$cov"
	line_coverage "$cov/summary"
	functions_not_run "$cov" > "$cov/not-run"
	sed 's/^/never called: /' "$cov/not-run"
	echo "$(wc -l < "$cov/not-run") functions were never called"
	say "annotated sources in $(short_path "$cov")"
}
