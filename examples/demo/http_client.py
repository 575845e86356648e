# Requests over one keep-alive connection with Python's own HTTP client; prints counts and latencies
# as JSON. Usage: http_client.py HOST:PORT REQUESTS
import http.client
import json
import sys
import time

host, port = sys.argv[1].rsplit(":", 1)
wanted = int(sys.argv[2])

errors = 0
received = 0
latencies_ms = []
connection = http.client.HTTPConnection(host, int(port), timeout=5)
for number in range(wanted):
    started = time.monotonic()
    try:
        connection.request("GET", f"/http-client/{number}")
        response = connection.getresponse()
        received += len(response.read())
        if response.status != 200:
            errors += 1
    except (OSError, http.client.HTTPException) as error:
        print(f"http_client.py: request {number}: {error!r}", file=sys.stderr)
        errors += 1
        connection.close()
    latencies_ms.append((time.monotonic() - started) * 1000)
connection.close()

latencies_ms.sort()
print(
    json.dumps(
        {
            "requests": wanted,
            "errors": errors,
            "bytes": received,
            "p50_ms": latencies_ms[len(latencies_ms) // 2],
            "p99_ms": latencies_ms[len(latencies_ms) * 99 // 100],
        }
    )
)
