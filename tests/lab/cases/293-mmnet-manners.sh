# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: a minute or so, not in each run yet
# DESCRIPTION: what users expect of a driver: rings, speed, addresses, groups, promiscuous mode, macvlan, names; parameters that make no sense are refused
# TIMEOUT: 400
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmnet-lib.sh"

MAC_A=02:00:00:00:00:0a
MAC_B=02:00:00:00:00:0b

attribute() {
	in_vm a "cat /sys/class/net/$1/$2"
}

check_ethtool() {
	local text feature
	assert_match "$(in_vm a 'ethtool -i mmnet0')" "bus-info: fido-$(vm_domid b)\\.[0-9]+" "driver"
	assert_eq "$(in_vm a 'ethtool -g mmnet0 | grep -cE "^(RX|TX):[[:space:]]*512$"')" 4 "ring sizes"
	text=$(in_vm a 'ethtool -G mmnet0 rx 256 2>&1; true')
	assert_match "$text" 'part of the protocol' "ethtool -G"
	expect_failure in_vm a 'ethtool -G mmnet0 tx 15'
	in_vm a 'ethtool -G mmnet0 tx 64'
	assert_eq "$(in_vm a 'ethtool -g mmnet0 | grep -E "^TX:" | xargs')" "TX: 512 TX: 64" "tx ring"
	transfer a "${ADDRESS4[b]}" 7027
	in_vm a 'ethtool -G mmnet0 tx 512'
	expect_failure in_vm a 'ethtool -G mmnet0 tx 1024'

	text=$(in_vm a 'ethtool -k mmnet0')
	for feature in rx-checksumming tx-checksumming scatter-gather tx-scatter-gather-fraglist \
		tx-tcp-segmentation tx-tcp6-segmentation tx-tcp-ecn-segmentation tx-udp-segmentation receive-hashing; do
		assert_match "$text" "$feature: on" "features"
	done
	text=$(in_vm a 'ethtool -T mmnet0')
	assert_match "$text" 'software-transmit' "time stamps"
	assert_match "$text" 'software-receive' "time stamps"

	assert_match "$(in_vm a 'ethtool mmnet0')" 'Duplex: Full' "duplex"
	in_vm a 'ethtool -s mmnet0 speed 40000 duplex full'
	assert_eq "$(attribute mmnet0 speed)" 40000 "speed that was set"
	in_vm a 'ethtool -s mmnet0 speed 4294967295'
	assert_eq "$(attribute mmnet0 speed)" -1 "speed"
}

check_addresses() {
	assert_match "$(in_vm a 'ip -d link show mmnet0')" 'parentbus fido' "ip -d link"
	assert_match "$(in_vm a 'ethtool -P mmnet0')" "$MAC_A" "permanent address"
	assert_eq "$(attribute mmnet0 addr_assign_type)" 0 "origin of the address"
	in_vm a 'ip link set mmnet0 address 02:00:00:00:00:1a'
	in_vm a "ping -q -c 3 -i 0.2 -W 5 ${ADDRESS4[b]}"
	assert_match "$(in_vm a 'ethtool -P mmnet0')" "$MAC_A" "permanent address"
	in_vm a "ip link set mmnet0 address $MAC_A"
}

# check_group GROUP: b has joined it
check_group() {
	local receiver sizes="100 600 1400 1472 8000"
	in_vm b 'rm -f /tmp/datagrams.log'
	in_vm_bg b "python3 -S /tmp/datagrams.py recv 7026 $((20 * SLOW)) 20 $sizes group=$1 dev=mmnet0 > /tmp/datagrams.log"
	receiver=$BG
	wait_for 20 in_vm b 'grep -q listening /tmp/datagrams.log'
	assert_match "$(in_vm b 'ip maddr show dev mmnet0')" "inet6? +$1( |$)" "groups"
	in_vm a "python3 -S /tmp/datagrams.py send $1 7026 20 $sizes dev=mmnet0"
	wait "$receiver"
	assert_match "$(in_vm b 'cat /tmp/datagrams.log')" 'received 100$' "datagrams to the group $1"
	wait_for 10 in_vm b "! ip maddr show dev mmnet0 | grep -q $1"
}

check_multicast() {
	in_vm a 'ip maddr add 01:00:5e:00:00:fb dev mmnet0'
	assert_match "$(in_vm a 'ip maddr show dev mmnet0')" '01:00:5e:00:00:fb.*static' "multicast addresses"
	in_vm a 'ip maddr del 01:00:5e:00:00:fb dev mmnet0'
	check_group 239.5.5.5
	check_group ff02::5:5
	in_vm a 'ping -q -c 3 -i 0.2 -W 5 ff02::1%mmnet0'
}

IFF_PROMISC=0x100
IFF_ALLMULTI=0x200

# flag BIT: of mmnet0, 0 or 1
flag() {
	echo $((($(attribute mmnet0 flags) & $1) != 0))
}

# frame_is KIND MAC: for whom frames to this address are, as a packet socket of a says
frame_is() {
	local receiver
	in_vm a 'rm -f /tmp/frames.log'
	in_vm_bg a "python3 -S /tmp/frames.py recv mmnet0 $((20 * SLOW)) 60 600 1514 kind=$1 > /tmp/frames.log"
	receiver=$BG
	wait_for 20 in_vm a 'grep -q listening /tmp/frames.log'
	in_vm b "python3 -S /tmp/frames.py send mmnet0 $2 60 600 1514"
	wait "$receiver" || fail "frames to $2: $(in_vm a 'cat /tmp/frames.log')"
}

# There is no filter between two: a packet socket sees all, promiscuous or not. IP takes what is for this host.
check_promiscuous() {
	local mode
	# b learns a's address again, which was another one for a while
	wait_for 20 network_reaches a
	for mode in on off; do
		in_vm a "ip link set mmnet0 promisc $mode allmulticast $mode"
		assert_eq "$(flag $IFF_PROMISC) $(flag $IFF_ALLMULTI)" "$([ $mode = on ] && echo 1 1 || echo 0 0)" "flags, promisc $mode"
		frame_is 0 $MAC_A
		frame_is 1 ff:ff:ff:ff:ff:ff
		frame_is 2 01:00:5e:00:00:fb
		frame_is 3 02:00:00:00:00:77
		in_vm b "ping -q -c 3 -i 0.2 -W 5 ${ADDRESS4[a]}"
		in_vm b "ip neigh replace ${ADDRESS4[a]} lladdr 02:00:00:00:00:77 dev mmnet0 nud permanent"
		expect_failure in_vm b "ping -q -c 2 -i 0.2 -W 2 ${ADDRESS4[a]}"
		in_vm b "ip neigh del ${ADDRESS4[a]} dev mmnet0"
		wait_for 10 network_reaches b
	done
}

# A second unicast address needs no promiscuous mode.
check_macvlan() {
	in_vm a 'modprobe macvlan
		ip link add link mmnet0 name mv0 type macvlan mode bridge
		ip addr add 10.58.0.1/24 dev mv0
		ip link set mv0 up'
	in_vm b 'ip addr add 10.58.0.2/24 dev mmnet0'
	in_vm a 'ping -q -c 3 -i 0.2 -W 5 -I mv0 10.58.0.2'
	assert_match "$(in_vm a 'ip -d link show mmnet0')" 'promiscuity 0' "promiscuity"
	make_file b $((2 << 20))
	send_file b a 10.58.0.1 7025
	in_vm a 'ip link del mv0'
	in_vm b 'ip addr del 10.58.0.2/24 dev mmnet0'
}

service_dir() {
	in_dom0 "xenstore-ls -f /local/domain/$(vm_domid a)" |
		sed -n 's,^\(.*/fido/.*/service/[0-9]*\)/type = "mmnet"$,\1,p'
}

# refused_with NODE VALUE WORDS: of what dom0 writes, the driver takes no nonsense for a default
refused_with() {
	local dir
	dir=$(service_dir)
	in_dom0 "xenstore-write -- $dir/$1 '$2'"
	in_vm a 'rmmod mmnet && modprobe mmnet'
	wait_for 30 in_dom0 "xenstore-read $dir/error | grep -qx '$3'"
	in_vm a '! test -e /sys/class/net/mmnet0'
	in_dom0 "xenstore-rm $dir/$1"
}

# A name from xenstore is kept, unless somebody else has it.
check_name() {
	local dir
	assert_eq "$(attribute mmnet0 name_assign_type)" 1 "origin of the name"
	dir=$(service_dir)
	in_dom0 "xenstore-write $dir/name lan0"
	in_vm a 'rmmod mmnet && modprobe mmnet'
	wait_for 30 in_vm a 'test -e /sys/class/net/lan0'
	assert_eq "$(attribute lan0 name_assign_type)" 2 "origin of the name"
	wait_for 30 in_dom0 "xenstore-read $dir/interface | grep -qx lan0"
	in_dom0 "xenstore-write $dir/name eth0"
	in_vm a 'rmmod mmnet && modprobe mmnet'
	wait_for 30 in_vm a 'test -e /sys/class/net/mmnet0'
	assert_eq "$(attribute mmnet0 name_assign_type)" 1 "origin of the name"
	refused_with mtu 65536 'mtu must be 68 to 65535'
	refused_with mtu nonsense 'mtu must be 68 to 65535'
	refused_with queues 0 'queues must be 1 to 16'
	refused_with queues 17 'queues must be 1 to 16'
	in_dom0 'fidoctl net remove a b'
	wait_for 30 in_vm a '! test -e /sys/class/net/mmnet0'
	in_dom0 'fidoctl net add a b --name-a wan0'
	wait_for 30 in_vm a 'test -e /sys/class/net/wan0'
	assert_eq "$(attribute wan0 name_assign_type)" 2 "origin of the name"
	in_dom0 'fidoctl net remove a b'
	wait_for 30 in_vm a '! test -e /sys/class/net/wan0'
}

cleanup() {
	in_dom0 'fidoctl net remove a b'
	in_vm a 'ip link del mv0 2> /dev/null; true'
	in_vm b "ip addr del 10.58.0.2/24 dev mmnet0 2> /dev/null; ip neigh del ${ADDRESS4[a]} dev mmnet0 2> /dev/null; true"
}

run() {
	local vm
	network_up
	for vm in a b; do
		helper $vm datagrams.py
		helper $vm frames.py
	done
	in_dom0 'fidoctl net remove a b'
	wait_for 30 in_vm a '! test -e /sys/class/net/mmnet0'
	wait_for 30 in_vm b '! test -e /sys/class/net/mmnet0'
	in_dom0 "fidoctl net add a b --mac-a $MAC_A --mac-b $MAC_B"
	network_up
	make_file a $((1 << 20))
	check_ethtool
	check_addresses
	check_multicast
	check_promiscuous
	check_macvlan
	check_name
}
