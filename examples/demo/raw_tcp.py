# Sends random bytes to an echo server, closes its half, and compares what comes back; prints the
# verdict as JSON. Usage: raw_tcp.py HOST:PORT BYTES
import hashlib
import json
import os
import socket
import sys
import threading

host, port = sys.argv[1].rsplit(":", 1)
total = int(sys.argv[2])
CHUNK = 64 * 1024

connection = socket.create_connection((host, int(port)), timeout=20)
peer = connection.getpeername()
sent = hashlib.sha256()


def send():
    left = total
    while left > 0:
        chunk = os.urandom(min(CHUNK, left))
        sent.update(chunk)
        connection.sendall(chunk)
        left -= len(chunk)
    connection.shutdown(socket.SHUT_WR)


sender = threading.Thread(target=send)
sender.start()
echoed = hashlib.sha256()
received = 0
while chunk := connection.recv(CHUNK):
    echoed.update(chunk)
    received += len(chunk)
sender.join()
connection.close()

print(
    json.dumps(
        {
            "bytes": received,
            "errors": 0 if received == total and echoed.digest() == sent.digest() else 1,
            "peer": f"{peer[0]}:{peer[1]}",
        }
    )
)
