# shellcheck shell=bash
# The RPM, installed with Debian's rpm into a clean Debian: what goes where, what its scriptlets ask of
# systemd, and that an operator's settings outlive it. Sourced after chroot.sh.

SETTINGS=/etc/sysconfig/kazoo-dynamic-cid

# The package asks for systemd and more, which rpm does not know of in a Debian.
rpm_there() { rpm --root "$CHROOT" --dbpath /var/lib/rpm --nodeps "$@" >&2; }

# Stands for a running systemd, and notes what it is asked.
note_systemctl() {
  mkdir -p "$CHROOT/run/systemd/system"
  # shellcheck disable=SC2016  # expanded when it runs
  printf '#!/bin/sh\necho "$@" >>/run/asked\n' >"$CHROOT/usr/bin/systemctl"
  chmod 755 "$CHROOT/usr/bin/systemctl"
}
# asked LINE...: exactly this was asked of systemd since the last time.
asked() {
  local found
  found=$(cat "$CHROOT/run/asked" 2>/dev/null || true)
  rm -f "$CHROOT/run/asked"
  [[ $found == "$(printf '%s\n' "$@")" ]] || die 1 "the RPM asked of systemd: $found"
}
# there MODE OWNER PATH
there() {
  local found
  found=$(stat --format '%a %U:%G' "$CHROOT$3" 2>&1) || true
  [[ $found == "$1 $2" ]] || die 1 "the RPM's $3 is $found, not $1 $2"
}

check_rpm() {
  say "Installing $(basename "$RPM") into a clean Debian 12"
  make_chroot
  note_systemctl
  rpm_there --install "$RPM"
  asked daemon-reload
  there 755 root:root /usr/bin/kazoo-dynamic-cid
  there 644 root:root /usr/lib/systemd/system/kazoo-dynamic-cid.service
  there 600 root:root "$SETTINGS"
  there 644 root:root /usr/share/man/man1/kazoo-dynamic-cid.1
  there 644 root:root /usr/share/licenses/kazoo-dynamic-cid/LICENSE
  rpm_there --verify kazoo-dynamic-cid || die 1 'the RPM is not installed as it says'
  in_chroot kazoo-dynamic-cid --version >&2

  say 'Upgrading and removing the RPM'
  echo '# an operator was here' >>"$CHROOT$SETTINGS"
  rpm_there --upgrade --force "$RPM"
  asked daemon-reload daemon-reload 'try-restart kazoo-dynamic-cid.service'
  grep -q 'operator was here' "$CHROOT$SETTINGS" || die 1 'an upgrade overwrites the settings'
  rpm_there --erase kazoo-dynamic-cid
  asked '--no-reload disable --now kazoo-dynamic-cid.service' daemon-reload
  grep -q 'operator was here' "$CHROOT$SETTINGS.rpmsave" || die 1 'changed settings are lost'
  local left
  for left in /usr/bin/kazoo-dynamic-cid "$SETTINGS" /usr/lib/systemd/system/kazoo-dynamic-cid.service \
    /usr/share/doc/kazoo-dynamic-cid/README.md; do
    [[ ! -e $CHROOT$left ]] || die 1 "the RPM leaves $left behind"
  done
}
