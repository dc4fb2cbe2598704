# shellcheck shell=bash
# The main job, once per data directory: two accounts, a task sent, accounted for,
# and retrieved.

# as_account NAME COMMAND…: with that account's password in the environment.
as_account() {
  local password
  password=$(<"$(secret "account-$1")")
  shift
  YOSHI_PASSWORD=$password with_environment "$@"
}

# register NAME: the account, unless it was registered before.
register() {
  [[ -e $RUN/secrets/account-$1.registered ]] && return 0
  as_account "$1" "$BIN/yoshi" register "$1" >&2 || fail "could not register $1"
  : >"$RUN/secrets/account-$1.registered"
}

# json_field NAME: the first text field of that name in a JSON document.
json_field() { sed -n "s/.*\"$1\" *: *\"\\([^\"]*\\)\".*/\\1/p" | head -n 1; }

# The greeting was accounted for: nobody wants it again at each start.
GREETED=$RUN/greeted

main_job() {
  local sent outcome
  if [[ -e $GREETED ]]; then
    say "The servers answer: ben's inbox"
    as_account ben "$BIN/yoshi" inbox --account ben --limit 5 || fail "ben's inbox could not be read"
    return
  fi
  say "The main job: ana sends ben a task"
  register ana
  register ben
  sent=$(as_account ana "$BIN/yoshi" send "Hello from deploy/up" --account ana --to ben --json) ||
    fail "the task could not be sent"
  outcome=$(json_field outcome <<<"$sent")
  [[ $outcome == accounted ]] || fail "the task was not accounted for: $sent"
  printf '%s\n' "$sent"
  : >"$GREETED"
  as_account ben "$BIN/yoshi" inbox --account ben || fail "ben's inbox could not be read"
}
