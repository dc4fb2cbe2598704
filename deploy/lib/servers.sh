# shellcheck shell=bash
# Our own servers: built, started, waited for.

# build: release binaries; sets BIN.
build() {
  find_cargo
  say "Building (the first time takes some minutes)"
  (cd "$ROOT" && cargo build --release --locked --workspace --bins) || fail "the build failed"
  BIN=$(target_dir)/release
}

# write_environment: .run/yoshi.env, which the command line and load-test read.
write_environment() {
  # %q changes nothing, unless the project's path holds a blank or the like.
  {
    printf 'YOSHI_NATS_URL=%q\n' "nats://127.0.0.1:$NATS_PORT"
    printf 'YOSHI_CLIENT_PASSWORD_FILE=%q\n' "$RUN/secrets/nats-client"
    printf 'YOSHI_OPERATOR_PASSWORD_FILE=%q\n' "$RUN/secrets/nats-operator"
    printf 'YOSHI_PROVISIONER_PASSWORD_FILE=%q\n' "$RUN/secrets/nats-provisioner"
    printf 'YOSHI_RECOVERY_PASSWORD_FILE=%q\n' "$RUN/secrets/nats-recovery"
  } >"$RUN/yoshi.env"
}

# with_environment COMMAND…: with the variables of .run/yoshi.env.
with_environment() {
  (
    set -a
    # shellcheck source=/dev/null
    . "$RUN/yoshi.env"
    set +a
    exec "$@" 9>&-
  )
}

# role_of NAME: the binary that a server runs.
role_of() {
  case $1 in
    lb*) echo load-balancer ;;
    ms*) echo message-server ;;
    rs*) echo registration-server ;;
    web*) echo web-client ;;
    *) fail "no server is called $1" ;;
  esac
}

# administrators: the file with the names of the website's administrators; nobody
# is one at first.
administrators() {
  local file=$RUN/administrators
  [[ -e $file ]] || printf '# Accounts that see the pages for administrators, one in each line.\n' >"$file"
  printf '%s\n' "$file"
}

# start_server NAME
start_server() {
  local name=$1 role settings
  running_pid "$name" >/dev/null && return 0
  role=$(role_of "$name")
  rm -f "$RUN/http/$name"
  settings=(
    "YOSHI_NATS_URL=nats://127.0.0.1:$NATS_PORT"
    "YOSHI_NATS_PASSWORD_FILE=$RUN/secrets/nats-$role"
    "YOSHI_HTTP_LISTEN=127.0.0.1:0"
    "YOSHI_HTTP_ADDRESS_FILE=$RUN/http/$name"
    "YOSHI_HOST_LABEL=$name"
  )
  if [[ $role != load-balancer ]]; then
    settings+=(
      "YOSHI_DATABASE_URL=$(database_url "$name")"
      "YOSHI_DATABASE_PASSWORD_FILE=$RUN/secrets/database-$name"
    )
  fi
  if [[ $role == web-client ]]; then
    settings+=(
      "YOSHI_WEB_LISTEN=127.0.0.1:$(port_of "$name")"
      "YOSHI_WEB_ADMINISTRATORS_FILE=$(administrators)"
      "YOSHI_WEB_ADMINISTRATION_PASSWORD_FILE=$(secret nats-administration)"
    )
  fi
  start_process "$name" env "${settings[@]}" "$BIN/$role"
}

# is_ready NAME: whether the server says so itself.
is_ready() {
  [[ -s $RUN/http/$1 ]] && [[ $(http_status "$(<"$RUN/http/$1")" /healthz) == 200 ]]
}

# start_servers: all of them, then waits until each is ready. Sets STARTED to
# how many were not running before.
start_servers() {
  local name deadline missing=()
  for name in "${SERVERS[@]}"; do
    running_pid "$name" >/dev/null || missing+=("$name")
  done
  STARTED=${#missing[@]}
  ((STARTED == 0)) || say "Starting ${missing[*]}"
  for name in "${SERVERS[@]}"; do
    start_server "$name"
  done
  deadline=$((SECONDS + 90))
  for name in "${SERVERS[@]}"; do
    until is_ready "$name"; do
      if ! running_pid "$name" >/dev/null; then
        show_log "$name"
        fail "$name ended instead of getting ready"
      fi
      if ((SECONDS >= deadline)); then
        show_log "$name"
        fail "$name was not ready within 90 s"
      fi
      sleep 0.2
    done
    note "$name is ready: http://$(<"$RUN/http/$name")/healthz"
  done
}
