#!/usr/bin/env bash
# Three processes share the work in one Postgres database. One is killed; the others go on with its orders.
# Usage: examples/durable/three.sh postgres://postgres@127.0.0.1:5432/test
set -euo pipefail
url=${1:?"the URL of a Postgres database, such as postgres://postgres@127.0.0.1:5432/test"}
cargo build --quiet -p durable --features postgres
program=${CARGO_TARGET_DIR:-target}/debug/durable

processes=()
for _ in 1 2 3; do
    "$program" "$url" 1500 &
    processes+=($!)
done
sleep 4
echo "== killing process ${processes[0]}"
kill -9 "${processes[0]}"
wait "${processes[0]}" 2>/dev/null || true
wait "${processes[1]}" "${processes[2]}"
echo "== all orders are shipped, each once: compare the last counts of orders and shipments"
