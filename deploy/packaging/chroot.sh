# shellcheck shell=bash
# A clean Debian 12 below target, to install a package in. Sourced after lib.sh.

CHROOT=$ROOT/target/test-packages/root
ARCHIVE=$ROOT/target/test-packages/bookworm.tar.gz

in_chroot() { chroot "$CHROOT" /usr/bin/env -i HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"; }

# The archive that this machine itself installs from.
debian_mirror() {
  local site
  # shellcheck disable=SC2016  # apt's own placeholders
  site=$(apt-get indextargets --format '$(SITE)' 'Codename: bookworm' 2>/dev/null | head -n 1)
  printf '%s\n' "${site:-http://deb.debian.org/debian}"
}

# make_chroot: anew each time, from an archive of the first time.
make_chroot() {
  need_command debootstrap debootstrap
  remove_chroot
  mkdir -p "$CHROOT"
  if [[ ! -s $ARCHIVE ]]; then
    say "Making a Debian 12 with debootstrap"
    debootstrap --variant=minbase bookworm "$CHROOT" "$(debian_mirror)" >&2
    # What this machine needs to reach its archive, such as a proxy.
    grep -ls 'Acquire' /etc/apt/apt.conf.d/* | xargs -r cp -t "$CHROOT/etc/apt/apt.conf.d/"
    tar -C "$CHROOT" -czf "$ARCHIVE.new" --one-file-system .
    mv "$ARCHIVE.new" "$ARCHIVE"
  else
    tar -C "$CHROOT" -xzf "$ARCHIVE"
  fi
  cp /etc/resolv.conf /etc/hosts "$CHROOT/etc/"
  mount --bind /dev "$CHROOT/dev"
  mount -t proc proc "$CHROOT/proc"
}

remove_chroot() {
  local folder
  for folder in dev proc; do
    ! mountpoint -q "$CHROOT/$folder" || umount "$CHROOT/$folder"
  done
  # Never into something that is still mounted.
  [[ ! -d $CHROOT ]] || rm -rf --one-file-system "$CHROOT"
}
