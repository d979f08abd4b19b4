# shellcheck shell=bash
# A systemd of its own in the clean Debian of chroot.sh, so that the unit runs as written, with all that
# confines it. Only the network is the machine's. Sourced after lib.sh and chroot.sh.

INIT_LOG=$ROOT/target/test-packages/systemd.log
INIT_GROUP=

# What makes the chroot the root of a machine: file systems of its own, then systemd. It has to be the
# root of the mount namespace: in a chroot no service gets a user namespace (PrivateUsers).
# shellcheck disable=SC2016  # expanded by the shell inside
MACHINE='
set -eu
root=$1
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/sys"
mkdir -p "$root/sys/fs/cgroup"
mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/dev"
for node in null zero full random urandom tty; do
  touch "$root/dev/$node"
  mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
ln -s /proc/self/fd "$root/dev/fd"
ln -s pts/ptmx "$root/dev/ptmx"
cd "$root"
pivot_root . mnt
umount --lazy /mnt
exec env -i container=test PATH=/usr/sbin:/usr/bin /lib/systemd/systemd --show-status=0 </dev/null
'

# Runs a command in the machine that boot_chroot has started.
in_machine() {
  nsenter --target "$INIT" --mount --uts --ipc --pid --cgroup --root --wd \
    /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
}
machine_runs() { in_machine systemctl is-system-running 2>/dev/null | grep -qx 'running\|degraded'; }

# boot_chroot: systemd as the first process of namespaces of its own. False, and says why, where this
# machine does not let it.
boot_chroot() {
  local hierarchy
  hierarchy=$(findmnt --types cgroup2 --noheadings --output TARGET | head -n 1)
  [[ $hierarchy ]] || { say "no systemd: cgroup2 is not mounted"; return 1; }
  in_chroot DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends \
    install systemd systemd-sysv dbus >"$INIT_LOG" 2>&1 || { say "no systemd: see $INIT_LOG"; return 1; }
  INIT_GROUP=$hierarchy/kazoo-dynamic-cid-test.$$
  if ! mkdir "$INIT_GROUP" 2>/dev/null; then
    INIT_GROUP=
    say "no systemd: control groups cannot be made"
    return 1
  fi
  # shellcheck disable=SC2016
  sh -c 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"' sh "$INIT_GROUP" \
    unshare --cgroup --pid --mount --uts --ipc --propagation private --fork --kill-child \
    sh -c "$MACHINE" sh "$CHROOT" >>"$INIT_LOG" 2>&1 &
  BOOTED=$!
  local deadline=$((SECONDS + 60))
  # `unshare` has one child, systemd.
  until INIT=$(pgrep --parent "$BOOTED" 2>/dev/null) && machine_runs; do
    if ((SECONDS >= deadline)) || ! kill -0 "$BOOTED" 2>/dev/null; then
      say "no systemd: it does not start"
      tail -n 5 "$INIT_LOG" >&2
      stop_machine
      return 1
    fi
    sleep 0.2
  done
}

stop_machine() {
  [[ $INIT_GROUP ]] || return 0
  kill -KILL "$BOOTED" 2>/dev/null || true
  wait "$BOOTED" 2>/dev/null || true
  for _ in {1..50}; do
    find "$INIT_GROUP" -depth -type d -exec rmdir {} + 2>/dev/null && break
    sleep 0.1
  done
  INIT_GROUP=
}
