# shellcheck shell=bash
# What the scripts say, and how they give up.

if [[ -t 2 && -z ${NO_COLOR:-} ]]; then
  BOLD=$'\e[1m' DIM=$'\e[2m' RED=$'\e[31m' PLAIN=$'\e[0m'
else
  BOLD='' DIM='' RED='' PLAIN=''
fi

# say TEXT: a step begins.
say() { printf '%s==>%s %s\n' "$BOLD" "$PLAIN" "$*" >&2; }

# note TEXT: a detail of the step.
note() { printf '    %s%s%s\n' "$DIM" "$*" "$PLAIN" >&2; }

# fail TEXT: the script ends here.
fail() {
  printf '%serror:%s %s\n' "$RED" "$PLAIN" "$*" >&2
  exit 1
}
