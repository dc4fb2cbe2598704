# shellcheck shell=bash
# Processes of ours: started, found again and ended by their id. A pid file holds
# the id and the time of the process's start, so that a later process with the
# same id is never taken for ours.

# start_time PID: when the process started, in whatever unit the system has.
start_time() {
  local stat
  if [[ -r /proc/$1/stat ]]; then
    stat=$(<"/proc/$1/stat") || return 1
    # The second field is the command in parentheses, and may hold blanks.
    stat=${stat##*) }
    read -ra stat <<<"$stat"
    # One that has ended, and that nobody has asked about yet, does not run.
    [[ ${stat[0]} != [ZX] ]] || return 1
    printf '%s\n' "${stat[19]}"
  else
    ps -o lstart= -p "$1" 2>/dev/null | tr -s ' ' '_'
  fi
}

# running_pid NAME: the id of our process, if it runs.
running_pid() {
  local pid started
  [[ -s $RUN/pid/$1 ]] || return 1
  read -r pid started <"$RUN/pid/$1"
  [[ -n $started && $(start_time "$pid" 2>/dev/null) == "$started" ]] || return 1
  printf '%s\n' "$pid"
}

# start_process NAME COMMAND…: in the background, its output in .run/log/NAME.log.
start_process() {
  local name=$1 pid
  shift
  setsid "$@" >>"$RUN/log/$name.log" 2>&1 </dev/null 9>&- &
  pid=$!
  printf '%s %s\n' "$pid" "$(start_time "$pid" || true)" >"$RUN/pid/$name"
}

# stop_process NAME SECONDS: SIGTERM, and after so many seconds SIGKILL.
stop_process() {
  local name=$1 seconds=$2 pid deadline
  pid=$(running_pid "$name") || {
    rm -f "$RUN/pid/$name"
    return 0
  }
  kill -TERM "$pid" 2>/dev/null || true
  deadline=$((SECONDS + seconds))
  while running_pid "$name" >/dev/null; do
    if ((SECONDS >= deadline)); then
      note "$name did not end within ${seconds} s: killed"
      kill -KILL "$pid" 2>/dev/null || true
    fi
    sleep 0.1
  done
  rm -f "$RUN/pid/$name"
}

# port_is_free PORT: nothing answers there on loopback.
port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# port_of NAME: the port that NAME had the last time if it is free, else another.
# Below the range from which the system takes ports for outgoing connections.
port_of() {
  local file=$RUN/port-$1 port tries
  if [[ -s $file ]]; then
    port=$(<"$file")
    if port_is_free "$port"; then
      printf '%s\n' "$port"
      return 0
    fi
  fi
  for ((tries = 0; tries < 200; tries++)); do
    port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
    if port_is_free "$port" && ! grep -qsx "$port" "$RUN"/port-*; then
      printf '%s\n' "$port" >"$file"
      printf '%s\n' "$port"
      return 0
    fi
  done
  fail "no free port between 20000 and 32000 on 127.0.0.1"
}

# http_status HOST:PORT PATH: the status code of a GET.
http_status() {
  local status
  (
    exec 3<>"/dev/tcp/${1%:*}/${1##*:}" || exit 1
    printf 'GET %s HTTP/1.0\r\nHost: %s\r\n\r\n' "$2" "$1" >&3
    read -r -t 5 _ status _ <&3 && printf '%s\n' "$status"
  ) 2>/dev/null
}

# show_log NAME: the end of a log, for somebody who wonders what went wrong.
show_log() {
  note "the end of $RUN/log/$1.log:"
  tail -n 15 "$RUN/log/$1.log" 2>/dev/null | sed 's/^/      /' >&2 || true
}
