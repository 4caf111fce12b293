# What the recipes share: their options, the command `attend`, and CMUdict where no data are given. To be sourced.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# An empty array counts as unset under `set -u` in old bash (macOS): hence the + at the arrays.

# Reads the options into train, dev, output and threads; --help prints the head of the recipe.
recipe_options() {
  train='' dev='' threads=()
  output=recipe-$(basename "$0")
  while [ $# -gt 0 ]; do
    case $1 in
      --help | -h)
        awk 'NR > 1 && !/^#/ { exit } NR > 1 { sub(/^# ?/, ""); print }' "$0"
        printf '\noptions: [--train FILE --dev FILE] [--output FOLDER] [--threads N]\n'
        exit
        ;;
      --train | --dev | --output | --threads)
        [ $# -gt 1 ] || fail "$1 lacks its value"
        case $1 in
          --train) train=$2 ;;
          --dev) dev=$2 ;;
          --output) output=$2 ;;
          --threads) threads=(--threads "$2") ;;
        esac
        shift 2
        ;;
      *) fail "knows no '$1'; see --help" ;;
    esac
  done
  if [ "${train:+given}" != "${dev:+given}" ]; then fail "--train and --dev go together"; fi
  for file in ${train:+"$train" "$dev"}; do
    [ -r "$file" ] || fail "$file: no file that can be read; check the path"
  done
}

fail() {
  echo "$(basename "$0"): $*" >&2
  exit 2
}

# Sets train and dev to CMUdict where no data were given.
cmudict_by_default() {
  if [ -n "$train" ]; then return; fi
  "$root/recipes/cmudict" "$output/data"
  train=$output/data/train.tsv dev=$output/data/dev.tsv
}

# learn NAME OPTION…: trains the model $output/NAME; what an earlier run began goes on.
learn() {
  local name=$1 resume=()
  shift
  if [ -e "$output/$name/training.safetensors" ]; then resume=(--resume); fi
  echo "== $name"
  attend train --train "$train" --dev "$dev" --output "$output/$name" "$@" \
    ${threads[@]+"${threads[@]}"} ${resume[@]+"${resume[@]}"}
}

# Builds the command first, once what can be wrong before is known to be right.
attend() {
  if [ -z "${built:-}" ]; then
    make --silent -C "$root" build >&2
    built=yes
  fi
  "$root/.build/release/attend" "$@"
}
