# shellcheck shell=sh
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || :
  if [ "$1" -ge 1 ]; then
    systemctl try-restart kazoo-dynamic-cid.service || :
  fi
fi
