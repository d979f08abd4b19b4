# shellcheck shell=bash
# What the scripts in this folder share. Sourced, never run.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034  # used by the scripts that source this file
EX_USAGE=64 EX_UNAVAILABLE=69 EX_TEMPFAIL=75

say() { printf '%s\n' "$*" >&2; }
die() {
  local code=$1
  shift
  say "$(basename "$0"): $*"
  exit "$code"
}
have() { command -v "$1" >/dev/null 2>&1; }

# lock FD PATH: locks an existing file or folder until `unlock FD` or the end of the script. False when
# the path was replaced or removed while we waited; the caller asks again.
lock() {
  local descriptor=$1 path=$2
  eval "exec $descriptor<\"\$path\"" || return 1
  flock --wait 900 "$descriptor" || die "$EX_TEMPFAIL" "another run has held $path for 15 minutes"
  [[ $path -ef /proc/self/fd/$descriptor ]] && return 0
  unlock "$descriptor"
  return 1
}
unlock() { eval "exec $1<&-"; }

# --- Debian packages ---------------------------------------------------------------------------

POLICY=/usr/sbin/policy-rc.d

# Packages with a server start it system-wide when they are installed, unless this file says no.
forbid_service_starts() {
  if [[ -x $POLICY ]]; then
    local answer=0
    "$POLICY" rabbitmq-server start >/dev/null 2>&1 || answer=$?
    ((answer == 101)) && return 0
    mv "$POLICY" "$POLICY.before-kazoo-dynamic-cid"
  fi
  trap allow_service_starts EXIT
  trap 'allow_service_starts; exit 130' INT TERM
  printf '#!/bin/sh\n# Written by %s; gone again when it ends.\nexit 101\n' "$0" >"$POLICY"
  chmod 755 "$POLICY"
}
allow_service_starts() {
  if grep -qs '^# Written by .*; gone again when it ends\.$' "$POLICY"; then
    rm -f "$POLICY"
    if [[ -e $POLICY.before-kazoo-dynamic-cid ]]; then
      mv "$POLICY.before-kazoo-dynamic-cid" "$POLICY"
    fi
  fi
  trap - EXIT INT TERM
}

# Installs Debian packages when we may. False when we may not, or when it failed. A subshell: its
# traps and its lock are its own.
apt_install() (
  ((EUID == 0)) && have apt-get || exit 1
  log=$(mktemp)
  until lock 8 "$ROOT/deploy/lib.sh"; do :; done
  say "Installing with apt-get: $*"
  forbid_service_starts
  status=0
  {
    apt-get -qq update &&
      DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=600 \
        --no-install-recommends install "$@"
  } >"$log" 2>&1 </dev/null || status=$?
  allow_service_starts
  ((status == 0)) || tail -n 30 "$log" >&2
  rm -f "$log"
  exit "$status"
)

# need_command COMMAND PACKAGE...: the command, installed if need be; ends the script otherwise.
need_command() {
  local command=$1
  shift
  have "$command" && return 0
  apt_install "$@" && hash -r && have "$command" && return 0
  die "$EX_UNAVAILABLE" "'$command' is missing. As root: apt-get install $*"
}

# The worker's TLS wants the system's root certificates even where only plain addresses are used.
need_certificates() {
  local bundle=/etc/ssl/certs/ca-certificates.crt
  have apt-get || return 0
  [[ -s ${SSL_CERT_FILE:-$bundle} ]] || apt_install ca-certificates ||
    die "$EX_UNAVAILABLE" "$bundle is missing. As root: apt-get install ca-certificates"
}

# python_tool COMMAND PACKAGE==VERSION...: a program from PyPI, in an environment of ours below
# target. False where it cannot be had.
python_tool() {
  local command=$1 tools=$ROOT/target/tools/python
  shift
  [[ -x $tools/bin/$command ]] && return 0
  have python3 && { [[ -x $tools/bin/pip ]] || python3 -m venv "$tools"; } >&2 &&
    "$tools/bin/pip" install --quiet --disable-pip-version-check "$@" >&2 && [[ -x $tools/bin/$command ]]
}

# --- Processes of ours -------------------------------------------------------------------------

# When a process started, in clock ticks since boot: tells it from a later one with the same id.
started_at() {
  local stat
  { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
  # The second field, the name in parentheses, may hold blanks. A zombie (Z) no longer runs.
  local -a fields
  read -ra fields <<<"${stat##*) }"
  [[ ${fields[0]} != Z ]] || return 1
  printf '%s\n' "${fields[19]}"
}

# start_detached PIDFILE LOG COMMAND...: runs a command that outlives us and holds nothing of ours
# open, neither the caller's standard output nor any other descriptor.
start_detached() {
  local pid_file=$1 log=$2 pid
  shift 2
  (
    for descriptor in /proc/self/fd/*; do
      descriptor=${descriptor##*/}
      ((descriptor > 2)) && eval "exec $descriptor>&-"
    done
    exec setsid "$@" </dev/null >>"$log" 2>&1
  ) &
  pid=$!
  disown "$pid"
  printf '%s %s\n' "$pid" "$(started_at "$pid" || echo 0)" >"$pid_file"
}

# Prints the process id when the process of the file still runs and is the one that we started.
running() {
  local pid began
  { read -r pid began <"$1"; } 2>/dev/null || return 1
  [[ $(started_at "$pid") == "$began" ]] || return 1
  printf '%s\n' "$pid"
}

# stop_process PIDFILE SIGNAL [SECONDS]: signals the process, waits, and kills its group at last.
stop_process() {
  local pid_file=$1 signal=$2 seconds=${3:-15} pid
  if pid=$(running "$pid_file"); then
    if [[ $signal == KILL ]]; then
      kill -KILL -- "-$pid" 2>/dev/null || true
    else
      kill "-$signal" "$pid" 2>/dev/null || true
    fi
    local deadline=$((SECONDS + seconds))
    while running "$pid_file" >/dev/null; do
      if ((SECONDS >= deadline)); then
        kill -KILL -- "-$pid" 2>/dev/null || true
        deadline=$((SECONDS + seconds))
      fi
      sleep 0.05
    done
  fi
  rm -f "$pid_file"
}

# --- The network -------------------------------------------------------------------------------

# pick_port: sets PORT to a port of 127.0.0.1 that nobody listens on. Below the range
# that the kernel gives to outgoing connections, so that none of those takes it meanwhile.
pick_port() {
  local try
  for try in {1..500}; do
    PORT=$((15000 + (RANDOM + try) % 17000))
    (: <>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null || return 0
  done
  die "$EX_UNAVAILABLE" "found no free port on 127.0.0.1"
}

# True when something on the port speaks AMQP: it answers our greeting with a method frame.
amqp_answers() (
  exec 4<>"/dev/tcp/127.0.0.1/$1" || exit 1
  printf 'AMQP\0\0\11\1' >&4
  IFS= read -r -t 5 -N 1 -u 4 first
  [[ $first == $'\1' ]]
) 2>/dev/null

# True when GET PATH on the port is answered with status 200.
http_answers() (
  exec 4<>"/dev/tcp/127.0.0.1/$1" || exit 1
  printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' "${2:-/}" >&4
  IFS= read -r -t 5 -u 4 line
  [[ $line == HTTP/1.?\ 200* ]]
) 2>/dev/null

# wait_until SECONDS PIDFILE|- COMMAND...: true as soon as the command is; false when the time is
# up or the process of the file has ended.
wait_until() {
  local deadline=$((SECONDS + $1)) pid_file=$2
  shift 2
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    [[ $pid_file == - ]] || running "$pid_file" >/dev/null || return 1
    sleep 0.1
  done
}
