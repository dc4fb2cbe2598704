# shellcheck shell=bash
# One nats-server of our own, from the configuration in nats/.

# configure_nats: the node's directory, as nats/README.md describes it.
configure_nats() {
  local user name
  install -m 600 "$ROOT"/nats/*.conf "$RUN/nats/"
  (
    umask 077
    {
      echo "NODE_NAME: \"yoshi-1\""
      echo "NODE_LISTEN: \"127.0.0.1:$NATS_PORT\""
      echo "NODE_MONITORING: \"127.0.0.1:$NATS_MONITORING_PORT\""
      echo "NODE_STORE_DIR: \"$RUN/nats/store\""
    } >"$RUN/nats/settings.conf"
    for user in "${NATS_USERS[@]}"; do
      name=${user//-/_}
      echo "PASSWORD_${name^^}: \"$(<"$(secret "nats-$user")")\""
    done >"$RUN/nats/secrets.conf"
  )
}

# start_nats: sets NATS_PORT and NATS_MONITORING_PORT.
start_nats() {
  if running_pid nats >/dev/null; then
    NATS_PORT=$(<"$RUN/port-nats")
    NATS_MONITORING_PORT=$(<"$RUN/port-nats-monitoring")
    return 0
  fi
  NATS_PORT=$(port_of nats)
  NATS_MONITORING_PORT=$(port_of nats-monitoring)
  configure_nats
  say "Starting nats-server on 127.0.0.1:$NATS_PORT"
  start_process nats "$NATS_SERVER" -c "$RUN/nats/server.conf"
  local deadline=$((SECONDS + 30))
  until [[ $(http_status "127.0.0.1:$NATS_MONITORING_PORT" /healthz) == 200 ]]; do
    if ((SECONDS >= deadline)) || ! running_pid nats >/dev/null; then
      show_log nats
      fail "nats-server did not get ready"
    fi
    sleep 0.2
  done
}

# provision: the streams and buckets of nats/definitions.
provision() {
  say "Provisioning streams and buckets"
  with_environment "$BIN/yoshi" provision --definitions "$ROOT/nats/definitions" >&2 ||
    fail "provisioning failed"
}
