# shellcheck shell=bash
# RabbitMQ and CouchDB in containers, where docker or podman answers. Sourced by deploy/services,
# whose functions (recall, remember, engine) and variable RUN it uses.

RABBITMQ_IMAGE=docker.io/library/rabbitmq:3.13
COUCHDB_IMAGE=docker.io/library/couchdb:3.5

# The engine's own children (podman's conmon) must hold none of our locks and outputs open.
in_engine() { "$(engine)" "$@" 3>&- 8>&- 9>&-; }

# The port is ours to choose: an engine that chooses picks another one after each restart.
container_create() {
  local sum server
  read -r sum _ < <(printf '%s' "$RUN" | cksum)
  for server in broker couchdb; do
    remember "$server/container" "kazoo-dynamic-cid-$server-$sum"
    pick_port
    remember "$server/port" "$PORT"
  done
  remember couchdb/password "$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')"
  container_destroy
}

# The image lets `guest` in from everywhere, which the engine's port forwarding needs; the forwarded
# port itself is on the loopback interface only.
start_broker_container() {
  in_engine run --detach --name "$(recall broker/container)" --hostname broker \
    --publish "127.0.0.1:$(recall broker/port):5672" "$RABBITMQ_IMAGE"
}
start_couchdb_container() {
  in_engine run --detach --name "$(recall couchdb/container)" \
    --env COUCHDB_USER=admin --env COUCHDB_PASSWORD="$(recall couchdb/password)" \
    --publish "127.0.0.1:$(recall couchdb/port):5984" "$COUCHDB_IMAGE"
}

container_state() {
  in_engine container inspect --format '{{.State.Status}}' "$(recall "$1/container")" 2>/dev/null
}

container_is_running() { [[ $(container_state "$1") == running ]]; }

container_start() {
  if [[ -n $(container_state "$1") ]]; then
    in_engine start "$(recall "$1/container")"
  else
    "start_$1_container"
  fi </dev/null >/dev/null
}

container_stop() {
  container_is_running "$1" || return 0
  case $2 in
    KILL) in_engine kill "$(recall "$1/container")" ;;
    *) in_engine stop -t 15 "$(recall "$1/container")" ;;
  esac >/dev/null
}

container_destroy() {
  local server name
  for server in broker couchdb; do
    name=$(recall "$server/container") || continue
    in_engine rm --force --volumes "$name" >/dev/null 2>&1 || true
  done
}

container_rabbitmqctl() {
  in_engine exec "$(recall broker/container)" rabbitmqctl "$@"
}

container_log() { printf '%s logs %s\n' "$(engine)" "$(recall "$1/container")"; }

container_wait_for() {
  wait_until 120 - answers "$1" && return
  say "$1 does not answer on port $(recall "$1/port"). Its last words:"
  in_engine logs --tail 20 "$(recall "$1/container")" >&2 || true
  return 1
}
