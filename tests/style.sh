#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make style: everything that can be said about the sources without running
# them. KTAP on stdout, ends in "N passed, N failed, N skipped".
#
#   tests/style.sh [--quick] [CHECK...]
#
# --quick leaves out what needs the kernel's source package (checkpatch), and
# what takes minutes. KDIR= is the kernel that is compiled against, by default
# the newest whose headers are installed. CHECKPATCH= is the script to use.
set -euo pipefail

TOP=$(cd "$(dirname "$(readlink -f "$0")")/.." && pwd)
CACHE=${FIDO_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/fido-lab}
EXCEPTIONS=$TOP/tests/style.exceptions
CHECKS=(build sparse checkpatch kernel-doc tool analyzer man unit shellcheck grants
	clients bug versions length spdx exceptions)
QUICK=(build kernel-doc tool man unit shellcheck grants clients bug versions
	length spdx)
MAX_LINES=800
MAX_SHOWN=60

cd "$TOP"
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

say() {
	printf '# %s\n' "$*"
}

# What the project consists of: what git knows or would take.
all_files() {
	if git rev-parse --show-toplevel > /dev/null 2>&1; then
		git ls-files --cached --others --exclude-standard
	else
		find . -path ./.git -prune -o -path ./build -prune -o -type f -print |
			sed 's,^\./,,'
	fi | while IFS= read -r f; do
		if [ -f "$f" ]; then printf '%s\n' "$f"; fi
	done | sort
}

files() {
	grep -E "$1" "$WORK/files" || true
}

c_files() {
	files '\.[ch]$'
}

# Compiled into a kernel, not only with its headers.
kernel_files() {
	files '^(fido|mmnet|mmblk|include|tests/mod)/.*\.[ch]$'
}

module_files() {
	files '^(fido|mmnet|mmblk)/.*\.[ch]$'
}

shell_files() {
	local f
	while IFS= read -r f; do
		case $f in
		*.sh) printf '%s\n' "$f" ;;
		*.[ch] | *.md | *.py) ;;
		*) head -n 1 "$f" | tr -d '\0' |
			grep -qE '^#! ?/(usr/)?bin/(env )?(ba|da)?sh|^# shellcheck shell=' &&
			printf '%s\n' "$f" ;;
		esac
	done < "$WORK/files" || true
}

# Tools

install_packages() {
	local run=() missing=("$@")
	command -v apt-get > /dev/null || return 1
	[ "$(id -u)" = 0 ] || run=(sudo -n)
	say "installing: ${missing[*]}"
	"${run[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q -y \
		-o DPkg::Lock::Timeout=300 install --no-install-recommends \
		"${missing[@]}" > "$WORK/apt.log" 2>&1
}

# need COMMAND PACKAGE
need() {
	command -v "$1" > /dev/null && return 0
	install_packages "$2" || true
	command -v "$1" > /dev/null && return 0
	SKIP="$1 is missing (Debian: $2)"
	return 1
}

find_kdir() {
	local dirs
	[ -z "${KDIR-}" ] || return 0
	shopt -s nullglob
	dirs=(/lib/modules/*/build)
	if [ ${#dirs[@]} = 0 ]; then
		install_packages linux-headers-amd64 || true
		dirs=(/lib/modules/*/build)
	fi
	shopt -u nullglob
	if [ ${#dirs[@]} = 0 ]; then
		SKIP="no kernel headers (Debian: linux-headers-amd64)"
		return 1
	fi
	KDIR=$(printf '%s\n' "${dirs[@]}" | sort -V | tail -n 1)
}

# checkpatch.pl comes with the kernel's source package alone: taken out once.
find_checkpatch() {
	local dir=$CACHE/checkpatch package
	[ -z "${CHECKPATCH-}" ] || return 0
	CHECKPATCH=$dir/checkpatch.pl
	[ ! -e "$CHECKPATCH" ] || return 0
	SKIP="no checkpatch.pl (Debian: linux-source)"
	command -v apt-get > /dev/null || return 1
	need xz xz-utils || return 1
	package=$(apt-cache depends linux-source 2> "$WORK/apt.log" |
		sed -n 's/.*Depends: //p')
	[ -n "$package" ] || return 1
	say "fetching $package, for checkpatch.pl"
	mkdir -p "$WORK/source" "$dir"
	(cd "$WORK/source" && apt-get -q download "$package") > "$WORK/apt.log" 2>&1 ||
		return 1
	dpkg --fsys-tarfile "$WORK/source"/*.deb |
		tar -xO --wildcards './usr/src/linux-source-*.tar.xz' |
		tar -xJ -C "$dir" --strip-components=2 --wildcards \
			'*/scripts/checkpatch.pl' '*/scripts/spelling.txt' \
			'*/scripts/const_structs.checkpatch' || return 1
	rm -rf "$WORK/source"
}

# Exceptions

# Drops the findings of a check that are excepted; notes which exceptions were used.
filter() {
	awk -F ' [|] ' -v check="$1" -v used="$WORK/used" '
	function glob_match(file, glob) {
		gsub(/[.+]/, "\\\\&", glob)
		gsub(/\*/, ".*", glob)
		gsub(/\?/, ".", glob)
		return file ~ ("^" glob "$")
	}
	NR == FNR {
		if ($0 !~ /^#/ && NF >= 4 && $1 == check) {
			n++; glob[n] = $2; text[n] = $3; line[n] = $0
		}
		next
	}
	{
		file = $0; sub(/:.*/, "", file); drop = 0
		for (i = 1; i <= n; i++)
			if (glob_match(file, glob[i]) && $0 ~ text[i]) {
				drop = 1
				print line[i] >> used
			}
		if (!drop)
			print
	}' "$EXCEPTIONS" -
}

# Checks: each writes its findings to stdout as FILE:LINE: MESSAGE, none if all is well. Returns 1 with SKIP set if it
# cannot work here.

copy_tree() {
	[ -e "$WORK/tree" ] && return 0
	mkdir "$WORK/tree"
	tar -cf - -T "$WORK/files" | tar -xf - -C "$WORK/tree"
}

# compile FLAGS...: the compiler's and sparse's words about our files
compile() {
	local log=$WORK/compile.log ok=0
	copy_tree
	make -C "$WORK/tree" -j"$(nproc)" KDIR="$KDIR" "$@" testmods \
		> "$log" 2>&1 || ok=$?
	sed -n "s,^$WORK/tree/,,; /^[a-z].*: \(warning\|error\|fatal error\)/p" "$log" |
		sort -u
	if [ $ok != 0 ] && ! grep -q ' error' "$log"; then
		tail -n 20 "$log" | sed 's/^/build:0: /'
	fi
}

check_build() {
	need make make && need gcc gcc && find_kdir || return 1
	compile W=1
}

check_sparse() {
	need make make && need gcc gcc && need sparse sparse && find_kdir || return 1
	compile C=2 | grep -v 'error: Segmentation' || true
}

check_checkpatch() {
	need perl perl && find_checkpatch || return 1
	# in the copy: it leaves files behind
	copy_tree
	c_files | (cd "$WORK/tree" && xargs "$CHECKPATCH" --no-tree --file --strict --terse \
		--show-types --quiet --no-summary --max-line-length=100 2>&1) |
		grep -E '^[^ ]+:[0-9]+: ' || true
}

check_kernel-doc() {
	local script
	need perl perl && find_kdir || return 1
	script=$(readlink -f "$KDIR/scripts/kernel-doc")
	# shellcheck disable=SC2046 # names of ours have no blanks
	"$script" -none -Werror $(c_files) 2>&1 |
		sed -nE 's/^(warning|error|Warning|Error): //p; /^[^ ]+:[0-9]+: (warning|error)/p' || true
}

check_tool() {
	need make make && need gcc gcc || return 1
	if ! [ -e /usr/include/xenstore.h ]; then
		install_packages libxen-dev || { SKIP="libxen-dev is missing" && return 1; }
	fi
	copy_tree
	make -C "$WORK/tree/tools" 2>&1 |
		sed -n '/: \(warning\|error\|fatal error\)/s,^,tools/,p; s/^make.*Error/tools:0: &/p'
}

check_analyzer() {
	need gcc gcc || return 1
	files '^tools/.*\.c$' | while IFS= read -r f; do
		gcc -std=gnu11 -D_GNU_SOURCE -Iinclude -Itools -O2 -fanalyzer -c \
			-o "$WORK/o" "$f" 2>&1 | grep -E '^[^ ]+: (warning|error)' || true
	done
}

check_man() {
	need mandoc mandoc || return 1
	files '^docs/.*\.[1-9]$' | while IFS= read -r f; do
		mandoc -Tlint -Wwarning "$f" | sed 's/^mandoc: //' || true
	done
}

# The program need not be installed here, nor the units that it comes after.
check_unit() {
	need systemd-analyze systemd || return 1
	files '\.service\.in$' | while IFS= read -r f; do
		sed 's,^ExecStart=[^ ]*,ExecStart=/bin/true,' "$f" > "$WORK/$(basename "$f" .in)"
		systemd-analyze verify --man=no "$WORK/$(basename "$f" .in)" 2>&1 |
			sed "s,^,$f: ," || true
	done
}

check_shellcheck() {
	need shellcheck shellcheck || return 1
	shell_files | xargs shellcheck -x -P SCRIPTDIR -f gcc || true
}

# A grant is made read-only, and mapped read-only, in the same statement that names it.
check_grants() {
	need perl perl || return 1
	# shellcheck disable=SC2016 # perl's variables
	{ module_files; files '^tests/mod/.*\.[ch]$'; } | xargs perl -0777 -ne '
		sub line { 1 + (substr($_, 0, $_[0]) =~ tr/\n//) }
		s{/\*.*?\*/}{ my $c = $&; $c =~ s/[^\n]//g; $c }gse;
		while (/\b(gnttab_set_(?:un)?map_op|GNTMAP_host_map|GNTMAP_device_map)\b/g) {
			my ($what, $at) = ($1, $-[0]);
			my $from = rindex($_, ";", $at) + 1;
			my $stmt = substr($_, $from, index($_, ";", $at) - $from);
			print "$ARGV:" . line($at) . ": $what without GNTMAP_readonly\n"
				unless $stmt =~ /GNTMAP_readonly/;
		}
		while (/\b(gnttab_\w*grant_foreign_access\w*)\s*(\((?:[^()]|(?2))*\))/g) {
			my ($what, $args, $at) = ($1, $2, $-[0]);
			print "$ARGV:" . line($at) . ": $what does not say that it is read-only\n"
				unless $args =~ /,\s*(GTF_readonly|true|1)\s*\)$/;
		}
		while (/\b(xenbus_grant_ring|xenbus_setup_ring|xenbus_map_ring\w*|gnttab_grant_foreign_transfer\w*|GTF_permit_access)\b/g) {
			print "$ARGV:" . line($-[0]) . ": $1 makes or maps a writable grant\n";
		}
	'
}

check_clients() {
	files '^(mmnet|mmblk)/.*\.[ch]$' |
		xargs grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*([<"]([^">]*/)?xen/|["<]\.\./fido/|"(fido/|fido_pri))' |
		sed 's/$/ (clients see include\/fido.h alone)/' || true
	local private
	private=$(files '^fido/.*\.h$' | sed 's,.*/,,' | paste -sd '|')
	[ -n "$private" ] || return 0
	# a header of the same name beside the client is its own
	files '^(mmnet|mmblk|tests/mod)/.*\.[ch]$' |
		xargs grep -nHE "^#include \"($private)\"" |
		while IFS= read -r hit; do
			header=${hit#*\"} header=${header%%\"*}
			[ -e "$(dirname "${hit%%:*}")/$header" ] ||
				printf '%s (private to fido)\n' "$hit"
		done || true
}

check_bug() {
	kernel_files | xargs grep -nHE '\b(BUG|BUG_ON|panic)[[:space:]]*\(' || true
}

check_versions() {
	c_files | xargs grep -nHE 'LINUX_VERSION_CODE|KERNEL_VERSION|RHEL_RELEASE' || true
	# conditional code for kernels: in include/compat*.h alone
	kernel_files | grep -vE '^include/compat[a-z_]*\.h$' |
		xargs grep -nHE '^[[:space:]]*#[[:space:]]*(if|ifdef|ifndef|elif).*\bHAVE_[A-Z]' || true
}

check_length() {
	files '\.([chS]|sh|py|pl)$' | xargs wc -l | awk -v max=$MAX_LINES \
		'$2 != "total" && $1 > max { print $2 ":" $1 ": has " $1 " lines, " max " are enough" }'
}

check_spdx() {
	{ c_files; shell_files; files '(^|/)(Makefile|Kbuild|[^/]*\.mk)$'; } |
		sort -u | while IFS= read -r f; do
		head -n 2 "$f" | grep -q 'SPDX-License-Identifier: GPL-2.0' ||
			printf '%s:1: no SPDX line\n' "$f"
	done
}

# Only meaningful after all others.
check_exceptions() {
	touch "$WORK/used" "$WORK/ran"
	grep -nvE '^(#|$)' "$EXCEPTIONS" | while IFS=: read -r nr line; do
		awk -F ' [|] ' 'NF != 4 || $4 == "" { exit 1 }' <<< "$line" ||
			printf 'tests/style.exceptions:%s: needs four columns\n' "$nr"
		# of a check that did not run nothing is known
		grep -qxF -- "${line%% *}" "$WORK/ran" || continue
		grep -qxF -- "$line" "$WORK/used" ||
			printf 'tests/style.exceptions:%s: not needed any more\n' "$nr"
	done
}

# Run

usage() {
	printf 'usage: tests/style.sh [--quick] [CHECK...]\nchecks: %s\n' "${CHECKS[*]}" >&2
	exit 2
}

selected=("${CHECKS[@]}")
case ${1-} in
--quick)
	selected=("${QUICK[@]}")
	shift
	;;
-*) usage ;;
esac
if [ $# -gt 0 ]; then
	selected=("$@")
fi
for check in "${selected[@]}"; do
	[ "$(type -t "check_$check")" = function ] || usage
done

all_files > "$WORK/files"
passed=0 failed=0 skipped=0 number=0
printf 'KTAP version 1\n1..%s\n' ${#selected[@]}
for check in "${selected[@]}"; do
	number=$((number + 1))
	SKIP="" start=$SECONDS
	if ! "check_$check" > "$WORK/findings"; then
		skipped=$((skipped + 1))
		printf 'ok %s %s # SKIP %s\n' $number "$check" "${SKIP:-cannot run here}"
		continue
	fi
	echo "$check" >> "$WORK/ran"
	grep '^# ' "$WORK/findings" || true
	{ grep -v '^# ' "$WORK/findings" || true; } | filter "$check" > "$WORK/left" ||
		echo "tests/style.exceptions:0: cannot be read" >> "$WORK/left"
	if [ -s "$WORK/left" ]; then
		failed=$((failed + 1))
		head -n $MAX_SHOWN "$WORK/left" | sed 's/^/# /'
		count=$(wc -l < "$WORK/left")
		printf 'not ok %s %s # %s findings, %s s\n' $number "$check" "$count" $((SECONDS - start))
	else
		passed=$((passed + 1))
		printf 'ok %s %s # %s s\n' $number "$check" $((SECONDS - start))
	fi
done
printf '%s passed, %s failed, %s skipped\n' $passed $failed $skipped
[ $failed = 0 ]
