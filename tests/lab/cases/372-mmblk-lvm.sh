# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# LONG: a minute
# DESCRIPTION: LVM in the client: a volume is made, moved to another disk, and extended over both while it is in use; all data is right
# TIMEOUT: 300
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-disks-lib.sh"

requires() {
	need_module fido mmblk
	need_tool fidoctl lvm
}

# No udev in the lab: LVM looks for disks, and makes nodes, by itself.
lvm_configure() {
	in_vm b 'modprobe -a dm-mod dm-mirror; mkdir -p /etc/lvm /mnt'
	to_vm b /etc/lvm/lvm.conf << 'END'
devices {
	dir = "/dev"
	scan = [ "/dev" ]
	obtain_device_list_from_udev = 0
	external_device_info_source = "none"
	use_devicesfile = 0
	filter = [ "a|^/dev/mmblk|", "r|.*|" ]
}
activation {
	udev_sync = 0
	udev_rules = 0
	verify_udev_operations = 0
	monitoring = 0
}
backup {
	backup = 0
	archive = 0
}
global {
	use_lvmpolld = 0
}
END
}

# on_disks: of which the volume consists
on_disks() {
	in_vm b 'lvs --noheadings -o devices vg/data' | sed 's/([0-9]*)//g; s/,/\n/g' | xargs -n 1 | sort -u | xargs
}

sums_right() {
	in_vm b 'echo 3 > /proc/sys/vm/drop_caches; cd /mnt && sha256sum -c --quiet /tmp/sums'
}

run() {
	local one two
	every_disk_gone
	in_vm a 'modprobe mmblk'
	in_vm b 'modprobe -a mmblk ext4'
	ramdisks a 2 48
	disk_add b a /dev/ram0 lvm-one
	disk_add b a /dev/ram1 lvm-two
	one=/dev/$(disk_named b lvm-one)
	two=/dev/$(disk_named b lvm-two)
	lvm_configure
	in_vm b "pvcreate $one $two && vgcreate vg $one && lvcreate -y -L 32M -n data vg"
	# shellcheck disable=SC2016 # for the VM's shell
	in_vm b 'mkfs.ext4 -q /dev/vg/data && mount /dev/vg/data /mnt
		for i in 1 2 3 4; do head -c 5M /dev/urandom > /mnt/$i; done; cd /mnt && sha256sum 1 2 3 4 > /tmp/sums'
	assert_eq "$(on_disks)" "$one" "disks of the volume"

	in_vm b "vgextend vg $two && pvmove -i 1 $one $two"
	assert_eq "$(on_disks)" "$two" "disks of the volume, moved"
	sums_right

	in_vm b 'lvextend -L 72M vg/data && resize2fs /dev/vg/data'
	assert_eq "$(on_disks)" "$(printf '%s\n' "$one" "$two" | sort | xargs)" "disks of the volume, extended"
	sums_right
	in_vm b 'head -c 30M /dev/urandom > /mnt/5 && cd /mnt && sha256sum 5 >> /tmp/sums'
	sums_right

	in_vm b 'umount /mnt && e2fsck -fn /dev/vg/data && vgchange -an vg'
	# LVM finds it again by what is on the disks
	in_vm b 'vgchange -ay vg && mount /dev/vg/data /mnt'
	sums_right
	in_vm b 'umount /mnt && vgremove -ff -y vg'
	assert_eq "$(disk_stat b "${one#/dev/}" errors) $(disk_stat b "${two#/dev/}" errors)" "0 0" "errors"
}

cleanup() {
	in_vm b 'umount /mnt 2> /dev/null; vgremove -ff -y vg 2> /dev/null; dmsetup remove_all; rm -f /etc/lvm/lvm.conf'
	every_disk_gone
	ramdisks_gone a
}
