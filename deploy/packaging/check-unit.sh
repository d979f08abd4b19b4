# shellcheck shell=bash
# The installed package under systemd, as an operator runs it. Sourced after systemd.sh.

UNIT=kazoo-dynamic-cid.service

# shown PROPERTY: what systemd knows of the unit.
shown() { in_machine systemctl show --property "$1" --value "$UNIT"; }

# expect WHAT COMMAND...: waits for what must become true within some seconds.
expect() {
  local what=$1
  shift
  if ! wait_until 20 - "$@" >/dev/null 2>&1; then
    in_machine systemctl status --no-pager --lines=20 "$UNIT" >&2 || true
    die 1 "under systemd: $what"
  fi
}
answers() { in_machine curl --silent --fail "http://127.0.0.1:$PORT/readyz"; }
journal_has() { in_machine journalctl --quiet --output=cat --unit="$UNIT" "${@:2}" | grep -q -- "$1"; }
has_another_process() { [[ $(shown MainPID) != 0 && $(shown MainPID) != "$1" ]]; }

# The settings of the quick start, as the unit reads them, with the journal for the log.
check_unit() {
  local settings=$CHROOT/etc/default/kazoo-dynamic-cid account=c1d0f3a8b27e4c65913d0ae84f5b6d21 process
  echo KAZOO_DYNAMIC_CID_LOG_TO=journald >>"$settings"
  in_machine systemctl start "$UNIT" || true
  expect 'it does not take calls' answers
  [[ $(shown StatusText) == connected* ]] || die 1 "its status is: $(shown StatusText)"

  process=$(shown MainPID)
  in_machine cat "/proc/$process/status" >"$ROOT/target/test-packages/status"
  # A user from the range of DynamicUser, no capability, a filter of system calls.
  awk '/^Uid:/ { uid = $2 } /^CapEff:/ { caps = $2 } /^Seccomp:/ { filter = $2 }
       END { exit !(uid >= 61184 && uid <= 65519 && caps ~ /^0+$/ && filter == 2) }' \
    "$ROOT/target/test-packages/status" || die 1 'the unit does not confine the worker'

  in_machine systemctl reload "$UNIT" || die 1 'systemctl reload fails'
  expect 'a reload empties no caches' journal_has 'SIGHUP: the caches are emptied'

  # The journal has the call's id as a field, and the reason beside it in the text.
  # shellcheck disable=SC2016  # expanded by the shell inside
  in_machine sh -c 'set -a; . /etc/default/kazoo-dynamic-cid; unset KAZOO_DYNAMIC_CID_LOG_TO
    exec kazoo-dynamic-cid call --account "$1" --from 2f8e1c4b7a9d4063b5c2e8f10a6d7394 --dial "*2015149072508"' \
    sh "$account" >"$ROOT/target/test-packages/call.txt" || die 1 'a call through the unit fails'
  local call
  call=$(in_machine curl --silent "http://127.0.0.1:$PORT/calls" |
    grep -o '"call_id":"[^"]*"' | head -n 1 | cut -d '"' -f 4)
  expect 'the journal lacks the call' journal_has '^decided .*reason=' "CALL_ID=$call" PRIORITY=6
  in_machine journalctl --quiet --unit="$UNIT" "CALL_ID=$call" --lines=1 >&2

  # An upgrade restarts it.
  in_machine env DEBIAN_FRONTEND=noninteractive dpkg --install --force-confold "/root/$(basename "$DEB")" \
    >/dev/null 2>&1 || die 1 'the package cannot be installed over itself'
  expect 'an upgrade does not restart it' has_another_process "$process"
  expect 'it does not come back after an upgrade' answers

  in_machine systemctl stop "$UNIT"
  [[ $(shown Result) == success ]] || die 1 "it stopped with $(shown Result)"

  # A setting that cannot be used keeps it from starting, and is named where one looks.
  echo KAZOO_DYNAMIC_CID_PREFETCH=many >>"$settings"
  if in_machine systemctl start "$UNIT" 2>/dev/null; then die 1 'it starts with a wrong setting'; fi
  expect 'the wrong setting is not named' journal_has 'prefetch'
  sed -i '/PREFETCH/d' "$settings"
  in_machine systemctl reset-failed "$UNIT"
  in_machine systemctl start "$UNIT"
  expect 'it does not start again' answers
}
