# shellcheck shell=bash disable=SC2034 # used by the scripts that source this
# Where everything is. ROOT is the project; nothing outside of it is written,
# but the database of a root user whose project Postgres cannot reach.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
LOCAL=$ROOT/.local
RUN=$ROOT/.run
# The users of NATS, as nats/accounts.conf names them.
NATS_USERS=(load-balancer message-server registration-server operator administration provisioner recovery client web-client sys)
# The servers of the system, in the order of their start.
SERVERS=(lb1 lb2 rs1 rs2 ms1 ms2 ms3 web1)
# Those of them that own a database of the same name.
DATABASES=(rs1 rs2 ms1 ms2 ms3 web1)

# target_dir: where cargo puts what it builds.
target_dir() {
  if [[ -n ${CARGO_TARGET_DIR:-} ]]; then
    printf '%s\n' "$CARGO_TARGET_DIR"
  else
    printf '%s\n' "$ROOT/target"
  fi
}

# prepare_run_dir: .run, which others may pass through but not look into. The
# user that Postgres runs as has its data below it.
prepare_run_dir() {
  mkdir -p "$RUN"/{secrets,pid,log,http,nats}
  chmod 711 "$RUN"
  chmod 700 "$RUN"/{secrets,pid,log,http,nats}
}

# lock_run_dir: one script at a time; held until this script ends.
lock_run_dir() {
  command -v flock >/dev/null || return 0
  exec 9>"$RUN/lock"
  flock -n 9 || fail "another deploy/up or deploy/down is at work here"
}

# secret NAME: the file of a secret, made at the first call: 192 random bits.
secret() {
  local file=$RUN/secrets/$1
  if [[ ! -s $file ]]; then
    (
      umask 077
      head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$file.new"
      printf '\n' >>"$file.new"
      mv "$file.new" "$file"
    )
  fi
  printf '%s\n' "$file"
}
