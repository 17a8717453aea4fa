# SPDX-License-Identifier: GPL-2.0
"""
The ways to a disk of VM b that need no driver of ours but the network: NBD and NFS, by TCP over mmnet.

For comparison only, so nothing is wanted of them. Each has a ramdisk of b to
itself, of the kind and size of the other paths'.
"""

from .cell import Path, set_up_paths
from .lab import Failed
from .net import MMNET, set_up_mmnet

# Behind those of the other paths, see blk.set_up().
NBD_DISK, NFS_DISK = "ram2", "ram3"
DISKS = (NBD_DISK, NFS_DISK)

# Two more ramdisks and the page caches of two servers do not fit into b beside all the rest otherwise.
MEMORY_MIB = 768

EXPORT, MOUNT = "/srv/bench", "/mnt/bench"
# As much of the ramdisk as ext4 and its journal leave free.
FILE_MIB = 48
# What eight requests of fio at a time keep busy.
NFS_THREADS = 8

PATHS = (
    Path("NBD over mmnet", "a", "/dev/nbd0", ("a", "b"), None),
    Path("NFS over mmnet", "a", f"{MOUNT}/file", ("a", "b"), None),
)

# have PROGRAM...: they come from the packages that the lab's root is made of.
PRELUDE = """
set -e
fail() { echo "$*" >&2; exit 1; }
have() { for p; do command -v "$p" > /dev/null || fail "no $p in the lab's root"; done; }
disk() { [ -b "$1" ] || fail "no $1"; }
patient() { for i in $(seq 100); do eval "$1" && return 0; sleep 0.1; done; fail "$2"; }
"""

# Through b's page cache, as nbd-server has no other way.
NBD_SERVER = f"""
have nbd-server; disk /dev/{NBD_DISK}
printf '%s\\n' '[generic]' 'listenaddr = {MMNET["b"]}' '[bench]' 'exportname = /dev/{NBD_DISK}' \
	'flush = true' 'fua = true' > /tmp/bench-nbd
nbd-server -C /tmp/bench-nbd
patient "ss -Hltn 'sport = :10809' | grep -q ." "nbd-server does not listen"
"""

# A server that died ends in an error, not in a wait that nobody ends.
NBD_CLIENT = f"""
have nbd-client
modprobe nbd nbds_max=1
nbd-client -N bench -t 30 {MMNET["b"]} /dev/nbd0
patient '[ "$(cat /sys/block/nbd0/size)" -gt 0 ]' "/dev/nbd0 stays empty"
"""

# Prewritten, so that no run has to allocate blocks.
NFS_FILE = f"""
modprobe ext4; disk /dev/{NFS_DISK}
mkfs.ext4 -q -F -b 4096 /dev/{NFS_DISK}; mkdir -p {EXPORT}; mount -t ext4 /dev/{NFS_DISK} {EXPORT}
dd if=/dev/zero of={EXPORT}/file bs=1M count={FILE_MIB} conv=fsync 2>&1
"""

# The kernel's server, version 4.2 alone, which needs neither rpcbind nor statd. Requests may be
# as large as fio's; by itself the server would limit them to 128 KiB with so little memory. No
# client was here before, so nobody is waited for who would reclaim what it had: by the kernel's
# leave at once, else after the shortest time there is.
NFS_SERVER = f"""
have exportfs rpc.mountd rpc.nfsd
modprobe nfsd
mkdir -p /var/lib/nfs/v4recovery; touch /var/lib/nfs/etab /var/lib/nfs/rmtab
[ -e /proc/fs/nfsd/threads ] || mount -t nfsd nfsd /proc/fs/nfsd
echo 1048576 > /proc/fs/nfsd/max_block_size; echo 10 > /proc/fs/nfsd/nfsv4gracetime
echo '{EXPORT} {MMNET["a"]}(rw,sync,no_root_squash,no_subtree_check,fsid=0)' > /etc/exports
exportfs -r
rpc.mountd -N 2 -N 3
rpc.nfsd -N 3 -V 4.2 -H {MMNET["b"]} {NFS_THREADS}
[ "$(cat /proc/fs/nfsd/threads)" = {NFS_THREADS} ] || fail "nfsd does not run"
echo Y 2> /dev/null > /proc/fs/nfsd/v4_end_grace || true
"""

# Without mount.nfs, which asks the kernel for the same and needs files that a VM has not. As above: an error in the end.
NFS_CLIENT = f"""
modprobe -a nfs nfsv4; mkdir -p {MOUNT}
mount -i -t nfs4 -o vers=4.2,proto=tcp,sec=sys,soft,timeo=300,retrans=1,addr={MMNET["b"]},clientaddr={MMNET["a"]} \
	{MMNET["b"]}:/ {MOUNT}
[ "$(head -c 4096 {MOUNT}/file | wc -c)" = 4096 ] || fail "{MOUNT}/file cannot be read"
"""


def need_mmnet(lab):
    """The network stands already where netperf has it for its own."""
    try:
        lab.run("a", f"ping -c 1 -W 5 {MMNET['b']}")
    except Failed:
        set_up_mmnet(lab)


def set_up_nbd(lab):
    """Server, then client."""
    need_mmnet(lab)
    lab.run("b", PRELUDE + NBD_SERVER)
    lab.run("a", PRELUDE + NBD_CLIENT)


def set_up_nfs(lab):
    """File, server, client."""
    need_mmnet(lab)
    lab.run("b", PRELUDE + NFS_FILE, 120)
    lab.run("b", PRELUDE + NFS_SERVER)
    lab.run("a", PRELUDE + NFS_CLIENT, 90)


def set_up(lab, say):
    """Makes the paths ready; returns the reason why one is not, by path. After blk.set_up(), which makes the ramdisks."""
    nbd, nfs = (path.name for path in PATHS)
    return set_up_paths({nbd: lambda: set_up_nbd(lab), nfs: lambda: set_up_nfs(lab)}, say)
