#!/usr/bin/env bash
# The command that scripts/demo runs under `sluice run`: ordinary clients that know nothing of a
# mesh. Prints `event NAME [VALUE]` lines for the demo to follow, waits on standard input where the
# demo has to act in between, and leaves each client's own report in $DEMO_DIR.
# Environment: DEMO_DIR; DEMO_WEB and DEMO_ECHO (host:port, what clients without proxy settings dial);
# DEMO_URL (what clients with them ask for); DEMO_WEB_ADDRESS and DEMO_ECHO_ADDRESS (in case that names
# do not resolve here); DEMO_LOAD_SECONDS.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

echo "event cgroup $(sed -n 's/^0:://p' /proc/self/cgroup 2>/dev/null | head -n 1)"

if ! getent hosts "${DEMO_WEB%:*}" >/dev/null; then
  echo "no mount namespace for the command: ${DEMO_WEB%:*} does not resolve, its address is used"
  DEMO_WEB=$DEMO_WEB_ADDRESS DEMO_ECHO=$DEMO_ECHO_ADDRESS DEMO_URL=http://$DEMO_WEB_ADDRESS
fi

for _ in 1 2 3; do
  curl --silent --show-error --fail --max-time 5 "$DEMO_URL/curl" >>"$DEMO_DIR/curl.txt"
done
echo "event curl"

python3 "$here/http_client.py" "$DEMO_WEB" 300 >"$DEMO_DIR/http-client.json"
echo "event http-client"

python3 "$here/raw_tcp.py" "$DEMO_ECHO" $((8 << 20)) >"$DEMO_DIR/raw-tcp.json"
echo "event raw-tcp"

wrk -t1 -c16 -d"${DEMO_LOAD_SECONDS}s" --timeout 5s --latency "http://$DEMO_WEB/load" >"$DEMO_DIR/wrk.txt" &
load=$!
echo "event load-started"
wait "$load"
echo "event load-done"

# The demo reads the proxy's own figures while it still runs, then says so.
read -r _
