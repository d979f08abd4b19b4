# shellcheck shell=sh
# Neither enabled nor started: it would take calls before anybody has set where RabbitMQ is.
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || :
fi
