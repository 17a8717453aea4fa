# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: after link-up no packet costs a grant operation, and no payload byte is copied before recv()
requires() {
	need_module fido mmnet
	need_tool fidoctl
}

# Counts every grant function of the kernel while 1 MiB goes from a to b. netfront is switched off meanwhile: it is what the
# lab's commands travel on, and it grants for each packet.
count_script() {
	cat << 'SCRIPT'
cd /sys/kernel/tracing || cd /sys/kernel/debug/tracing
echo > kprobe_events
for f in gnttab_map_refs gnttab_unmap_refs gnttab_grant_foreign_access_ref gnttab_end_foreign_access_ref \
	gnttab_try_end_foreign_access gnttab_batch_copy gnttab_claim_grant_reference; do
	echo "p:fidocount/$f $f" >> kprobe_events || echo "no $f"
done
echo 1 > events/fidocount/enable
ip link set eth0 down
sleep 1
cat kprobe_profile > /tmp/before
ethtool -S mmnet0 > /tmp/stats.before
sh /tmp/transfer
sleep 1
ethtool -S mmnet0 > /tmp/stats.after
cat kprobe_profile > /tmp/after
ip link set eth0 up
echo 0 > events/fidocount/enable
echo > kprobe_events
SCRIPT
}

hits() {
	in_vm "$1" 'awk "{ sum += \$2 } END { print sum + 0 }" /tmp/'"$2"
}

stat_delta() {
	in_vm "$1" "awk -v k='q[0-9]*_$2:' 'FNR == NR { if (\$1 ~ k) s -= \$2; next } \$1 ~ k { s += \$2 } END { print s + 0 }' \
		/tmp/stats.before /tmp/stats.after"
}

run() {
	local vm
	no_links
	load_modules a b
	# The few bytes by which a write exceeds whole segments may travel in a frame of their own, by copy: one write of 725 segments.
	net_up a b 10.5.0 --mtu 1500
	count_script | to_vm a /tmp/count
	count_script | to_vm b /tmp/count
	echo 'timeout 60 socat -u TCP-LISTEN:7001,reuseaddr - | sha256sum > /tmp/received' | to_vm b /tmp/transfer
	echo 'timeout 60 socat -b 1049800 -u OPEN:/tmp/sent TCP:10.5.0.2:7001,retry=100,interval=0.1' | to_vm a /tmp/transfer
	in_vm a 'head -c 1049800 /dev/urandom > /tmp/sent; sha256sum < /tmp/sent > /tmp/sum'
	for vm in b a; do
		in_vm "$vm" 'rm -f /tmp/after'
		detached "$vm" 'sh /tmp/count > /tmp/count.log 2>&1'
	done
	for vm in a b; do
		wait_for 60 in_vm "$vm" '[ -s /tmp/after ] && ip link show eth0 | grep -q LOWER_UP'
		assert_ge "$(in_vm "$vm" 'wc -l < /tmp/after')" 5 "grant functions watched in $vm"
		diag "$vm: grant operations $(hits "$vm" before) before, $(hits "$vm" after) after the transfer"
		assert_eq "$(hits "$vm" after)" "$(hits "$vm" before)" "grant operations of $vm"
	done
	assert_eq "$(in_vm b 'cat /tmp/received')" "$(in_vm a 'cat /tmp/sum')" "checksum"
	diag "sent by pointer $(stat_delta a tx_zerocopy_bytes), bounced $(stat_delta a tx_bounced_bytes);" \
		"received by pointer $(stat_delta b rx_zerocopy_bytes), copied $(stat_delta b rx_copied_bytes)"
	assert_ge "$(stat_delta a tx_zerocopy_bytes)" 1048576 "bytes sent by pointer"
	assert_eq "$(stat_delta a tx_bounced_bytes)" 0 "bytes copied by the sender"
	assert_ge "$(stat_delta b rx_zerocopy_bytes)" 1048576 "bytes received by pointer"
	assert_eq "$(stat_delta b rx_copied_bytes)" 0 "bytes copied by the receiver's driver"
}

cleanup() {
	no_links
}
