# shellcheck shell=sh
# $1 is 0 when the package goes, 1 when a newer one has come.
if [ "$1" -eq 0 ] && [ -d /run/systemd/system ]; then
  systemctl --no-reload disable --now kazoo-dynamic-cid.service || :
fi
