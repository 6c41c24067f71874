#!/bin/sh
# Publish an MLflow model directory (or an .onnx file) from a pipeline, up to its submission. docs/machines.md says what happens.
#
#   MARKETPLACE_URL=https://marketplace.example.com MARKETPLACE_TOKEN=mkp_… \
#     sh publish.sh SLUG NUMBER MODEL ENTRY.json PUBLICATION.json
#
# SLUG, NUMBER      the model's address and the version, such as income-verification 1.2.0
# MODEL             the MLflow directory, or an .onnx file
# ENTRY.json        what the catalog says of the model, for PUT /api/v1/models/SLUG/
# PUBLICATION.json  card, risk answers, service level, plans, evaluations …, for POST …/publication/
#
# Run again with the same files it changes nothing. It ends with 0 when the version is submitted, 1 when the marketplace says
# no (its problem+json, with every missing field, is on the standard error), 2 when it was called wrongly.
set -eu
if [ $# -ne 5 ] || [ -z "${MARKETPLACE_URL:-}" ] || [ -z "${MARKETPLACE_TOKEN:-}" ]; then
  sed -n '2,12s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
slug=$1 number=$2 model=$3 entry=$4 publication=$5
api=${MARKETPLACE_URL%/}/api/v1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

# The token goes in by the standard input, so that no list of processes shows it.
call() {
  printf 'Authorization: Bearer %s\n' "$MARKETPLACE_TOKEN" |
    curl -sS --header @- --output "$work/answer" --write-out '%{http_code}' "$@"
}

expect_ok() {
  case $1 in
    200 | 201) ;;
    *)
      echo "publish.sh: $2 was answered $1" >&2
      cat "$work/answer" >&2
      exit 1
      ;;
  esac
}

if [ -d "$model" ]; then
  tar -czf "$work/package.tar.gz" -C "$(dirname "$model")" "$(basename "$model")"
  model=$work/package.tar.gz
fi

status=$(call -X PUT -H 'Content-Type: application/json' --data-binary "@$entry" "$api/models/$slug/")
expect_ok "$status" "the entry"

status=$(call -F "file=@$model" -F "publication=<$publication" "$api/models/$slug/versions/$number/publication/")
expect_ok "$status" "the publication"
case $status in
  201) echo "$slug $number is submitted." ;;
  *) echo "$slug $number was submitted before; nothing changed." ;;
esac
