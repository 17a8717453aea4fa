# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# DESCRIPTION: a write in pieces that cut through the blocks of a device that cannot join them is copied, and right
# TIMEOUT: 200
# shellcheck disable=SC1091
. "$LAB_DIR/cases/mmblk-lib.sh"

EINVAL=22

# Writes a block in two pieces with a hole between them in memory. Prints "same", or the error.
write_pieces() {
	to_vm b /tmp/pieces.py << 'END'
import os, sys

fd = os.open(sys.argv[1], os.O_RDWR | os.O_DIRECT)
buf = memoryview(bytearray(os.urandom(1 << 16)))

# Where memory is aligned to sectors: what direct I/O takes
def aligned():
    for i in range(512):
        try:
            os.pwrite(fd, buf[i:i + 4096], 0)
            return i
        except OSError:
            pass
    sys.exit("nothing is aligned")

i = aligned()
one, two = buf[i:i + 512], buf[i + 1024:i + 4608]
try:
    os.pwritev(fd, [one, two], 4096)
except OSError as e:
    print(e.errno)
    sys.exit()
with open(sys.argv[1], "rb") as f:
    f.seek(4096)
    print("same" if f.read(4096) == bytes(one) + bytes(two) else "different")
END
	in_vm b "python3 -S /tmp/pieces.py /dev/$DISK"
}

run() {
	local result
	disks_gone
	in_vm a 'modprobe mmblk; modprobe null_blk nr_devices=1 gb=1 bs=4096 memory_backed=1 virt_boundary=1'
	in_vm b 'modprobe mmblk'
	# shellcheck disable=SC2034 # by the library
	SERVED=/dev/nullb0
	disk_up
	assert_eq "$(attribute queue/logical_block_size)" 4096 "block size"
	result=$(write_pieces)
	assert_eq "$(server_stat errors)" 0 "errors"
	[ "$result" != $EINVAL ] || skip "this kernel's direct I/O does not take such pieces"
	assert_eq "$result" same "what was written"
	assert_ge "$(server_stat bounces)" 1 "copied writes"
}

cleanup() {
	disks_gone
	in_vm a '! grep -q "^null_blk " /proc/modules || rmmod null_blk'
}
