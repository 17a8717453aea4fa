# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# What the cases of "fidoctl watch" share: the supervisor in dom0, and a device behind a server that outlives its VM.

CONF=/tmp/fido-watch
LOG=/tmp/fido-watch.log

# ---- the supervisor ----

# watch_configure [NAME]: standard input becomes this file of the configuration
watch_configure() {
	in_dom0 "mkdir -p $CONF"
	to_vm dom0 "$CONF/${1:-watch}.conf"
}

# watch_configure_away [NAME]
watch_configure_away() {
	in_dom0 "rm $CONF/${1:-watch}.conf"
}

watch_start() {
	in_vm_bg dom0 "echo \$\$ > $LOG.pid; exec fidoctl watch --config $CONF 2>> $LOG"
	WATCH=$BG
	wait_for 10 said begins
}

watch_signal() {
	in_dom0 "kill -$1 \$(cat $LOG.pid)"
}

watch_end() {
	watch_signal TERM
	wait "$WATCH"
	in_dom0 "cat $LOG; : > $LOG"
}

# Nothing of an earlier case
watch_fresh() {
	in_dom0 "rm -rf $CONF $LOG $LOG.pid"
}

# Whatever has become of it: once it has ended it makes nothing anew.
watch_cleanup() {
	in_dom0 "if kill \$(cat $LOG.pid); then timeout 10 tail -s 0.05 --pid=\$(cat $LOG.pid) -f /dev/null; fi 2> /dev/null
		cat $LOG; rm -rf $CONF $LOG $LOG.pid; true"
}

said() {
	in_dom0 "grep -q '$1' $LOG"
}

forget_log() {
	in_dom0 ": > $LOG"
}

# As the supervisor sees them, one word for each service. Nothing is changed.
states() {
	in_dom0 "fidoctl watch --config $CONF --dry-run --json 2> /dev/null |
		python3 -IS -c 'import json, sys; print(\" \".join(x[\"state\"] for x in json.load(sys.stdin)))'"
}

states_are() {
	[ "$(states)" = "$1" ]
}

# ---- what it makes, between a and b ----

net_is_up() {
	in_dom0 'fidoctl net show a b | head -n 1 | grep -q ": up$"'
}

disk_is_up() {
	in_dom0 "fidoctl blk show b a:/dev/xvdb | head -n 1 | grep -q ': up\$'"
}

# ---- the device behind: /dev/xvdb of a, which is dom0's, so that it survives a ----

BEHIND_IMAGE=/var/tmp/fido-behind.img
BEHIND_SCRIPT=/tmp/block-behind

# behind_make MIB; with the part of a hotplug script that blkback needs
behind_make() {
	to_vm dom0 $BEHIND_SCRIPT << 'END'
#!/bin/sh
[ "$1" = add ] || exit 0
device=$(xenstore-read "$XENBUS_PATH/params")
xenstore-write "$XENBUS_PATH/physical-device" "$(stat -L -c %t:%T "$device")" "$XENBUS_PATH/hotplug-status" connected
END
	in_dom0 "chmod +x $BEHIND_SCRIPT; modprobe -a loop xen-blkback; truncate -s $1M $BEHIND_IMAGE"
	BEHIND=$(in_dom0 "losetup -f --show $BEHIND_IMAGE")
}

behind_attach() {
	in_vm a 'modprobe xen-blkfront'
	in_dom0 "xl block-attach a 'format=raw,backendtype=phy,vdev=xvdb,access=rw,script=$BEHIND_SCRIPT,target=$BEHIND'"
	wait_for 30 in_vm a 'test -b /dev/xvdb'
}

behind_gone() {
	in_dom0 "xl block-detach a xvdb > /dev/null 2>&1; losetup -D; rm -f $BEHIND_IMAGE $BEHIND_SCRIPT; true"
}
