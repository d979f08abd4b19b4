# shellcheck shell=bash
# RabbitMQ and CouchDB as processes of the caller, where no container engine answers. Sourced by
# deploy/services, whose functions (recall, remember) and variable RUN it uses.
#
# Everything that RabbitMQ shares by default has its own place here: node name, Erlang cookie, port
# mapper (epmd), ports, data, configuration. So no other broker of this machine is touched or seen.

NPM=$ROOT/deploy/couchdb

process_create() {
  local name secret
  install_rabbitmq
  install_pouchdb
  for name in broker/port broker/distribution broker/epmd couchdb/port; do
    pick_port
    remember "$name" "$PORT"
  done
  secret=$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
  remember couchdb/password "$secret"
  mkdir -p "$RUN/couchdb/data"
  printf '{"admins": {"admin": "%s"}, "log": {"file": "%s", "level": "warning"}}\n' \
    "$secret" "$RUN/couchdb/requests.log" >"$RUN/couchdb/config.json"
  configure_rabbitmq
}

# --- Installing --------------------------------------------------------------------------------

# Debian's own start script, not the one in /usr/sbin that changes to the user rabbitmq and to the
# system's data folder. Elsewhere, whatever is in the path.
rabbitmq_program() {
  local path=/usr/lib/rabbitmq/bin/$1
  [[ -x $path ]] || path=$(command -v "$1") || return 1
  printf '%s\n' "$path"
}

install_rabbitmq() {
  rabbitmq_program rabbitmq-server >/dev/null && have epmd && return
  if apt_install rabbitmq-server; then
    # The package asks for a start at each boot, which nobody here wanted.
    systemctl --quiet disable rabbitmq-server.service epmd.service epmd.socket 2>/dev/null || true
    hash -r
  fi
  rabbitmq_program rabbitmq-server >/dev/null && have epmd && return
  die "$EX_UNAVAILABLE" "RabbitMQ is missing and no container engine answers.
Do one of these as root, then try again:
  apt-get install rabbitmq-server nodejs npm    (servers as local processes)
  apt-get install podman                        (servers in containers)"
}

install_pouchdb() {
  local fresh=$NPM/node_modules/.package-lock.sum
  need_command node nodejs
  local version
  version=$(node --version)
  version=${version#v}
  ((${version%%.*} >= 18)) ||
    die "$EX_UNAVAILABLE" "node $version is too old for pouchdb-server here; version 18 or later is needed"
  [[ -e $fresh && $(cksum <"$NPM/package-lock.json") == "$(<"$fresh")" ]] && return
  need_command npm npm
  until lock 8 "$NPM/package-lock.json"; do :; done
  if ! [[ -e $fresh && $(cksum <"$NPM/package-lock.json") == "$(<"$fresh")" ]]; then
    say "Installing pouchdb-server with npm ci (once)."
    # No install scripts: the only native part brings its binaries along. No optional packages: the
    # one left out is an SQLite back end with a compiler run.
    (cd "$NPM" && npm ci --ignore-scripts --omit=optional --no-audit --no-fund --loglevel=error) \
      </dev/null || die "$EX_UNAVAILABLE" "npm ci failed in $NPM"
    cksum <"$NPM/package-lock.json" >"$fresh"
  fi
  unlock 8
}

# --- RabbitMQ ----------------------------------------------------------------------------------

configure_rabbitmq() {
  local home=$RUN/broker
  mkdir -p "$home/data" "$home/log"
  printf '[].\n' >"$home/enabled_plugins"
  {
    printf 'listeners.tcp.default = 127.0.0.1:%s\n' "$(recall broker/port)"
    # KAZOO's queues are neither durable nor exclusive, which RabbitMQ 4.3 refuses without this.
    # Releases before 3.13 do not know the key.
    case $(readlink -f "$(rabbitmq_program rabbitmq-server)") in
      */rabbitmq_server-[4-9].*)
        printf 'deprecated_features.permit.transient_nonexcl_queues = true\n'
        ;;
    esac
  } >"$home/rabbitmq.conf"
}

# The environment of everything that belongs to our broker, and nothing of the caller's.
broker_environment() {
  local home=$RUN/broker distribution
  distribution=$(recall broker/distribution)
  printf '%s\0' \
    PATH="$PATH" LANG=C.UTF-8 HOME="$home" \
    ERL_EPMD_PORT="$(recall broker/epmd)" ERL_EPMD_ADDRESS=127.0.0.1 \
    ERL_CRASH_DUMP_BYTES=0 \
    RABBITMQ_NODENAME="kazoo-dynamic-cid-$(recall broker/port)@localhost" \
    RABBITMQ_DIST_PORT="$distribution" \
    RABBITMQ_CTL_DIST_PORT_MIN="$((distribution + 1))" \
    RABBITMQ_CTL_DIST_PORT_MAX="$((distribution + 20))" \
    RABBITMQ_CONF_ENV_FILE=/dev/null \
    RABBITMQ_CONFIG_FILE="$home/rabbitmq.conf" \
    RABBITMQ_ADVANCED_CONFIG_FILE="$home/advanced.config" \
    RABBITMQ_ENABLED_PLUGINS_FILE="$home/enabled_plugins" \
    RABBITMQ_MNESIA_BASE="$home/data" \
    RABBITMQ_LOG_BASE="$home/log" \
    RABBITMQ_GENERATED_CONFIG_DIR="$home/generated" \
    RABBITMQ_PID_FILE="$home/rabbitmq.pid" \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1}' \
    RUNNING_UNDER_SYSTEMD=true # makes the start script exec Erlang: one process, ours
}
in_broker_environment() {
  local -a environment
  mapfile -d '' -t environment < <(broker_environment)
  local runner=$1
  shift
  case $runner in
    detached) start_detached "$1" "$2" env -i "${environment[@]}" "${@:3}" ;;
    here) env -i "${environment[@]}" "$@" ;;
  esac
}

start_broker() {
  local home=$RUN/broker
  if ! running "$home/epmd.pid" >/dev/null; then
    in_broker_environment detached "$home/epmd.pid" "$home/log/epmd.log" \
      epmd -port "$(recall broker/epmd)" -address 127.0.0.1
  fi
  in_broker_environment detached "$home/pid" "$home/log/console.log" \
    "$(rabbitmq_program rabbitmq-server)"
}

process_rabbitmqctl() {
  in_broker_environment here "$(rabbitmq_program rabbitmqctl)" "$@"
}

# --- CouchDB -----------------------------------------------------------------------------------

start_couchdb() {
  local home=$RUN/couchdb
  start_detached "$home/pid" "$home/console.log" \
    env -i PATH="$PATH" HOME="$home" \
    node --require "$NPM/manners.cjs" "$NPM/node_modules/pouchdb-server/bin/pouchdb-server" \
    --host 127.0.0.1 --port "$(recall couchdb/port)" --dir "$home/data" \
    --config "$home/config.json" --no-stdout-logs
}

# --- What deploy/services asks for ----------------------------------------------------------------

process_is_running() { running "$RUN/$1/pid" >/dev/null; }

process_start() {
  # A server that ended by itself left its file behind.
  rm -f "$RUN/$1/pid"
  "start_$1"
}

process_stop() { stop_process "$RUN/$1/pid" "$2"; }

process_destroy() { stop_process "$RUN/broker/epmd.pid" TERM; }

process_log() {
  case $1 in
    broker) printf '%s\n' "$RUN/broker/log" ;;
    couchdb) printf '%s\n' "$RUN/couchdb/console.log" ;;
  esac
}

process_wait_for() {
  local log
  wait_until 120 "$RUN/$1/pid" answers "$1" && return
  say "$1 does not answer on port $(recall "$1/port"). Its last words:"
  log=$(process_log "$1")
  [[ -d $log ]] && log=$log/console.log
  tail -n 20 "$log" >&2 || true
  return 1
}
