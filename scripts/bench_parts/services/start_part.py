"""What the codecs cost an appliance that starts: time to READY, memory, imports.

    .venv/bin/python -m scripts.bench_parts.services.start_part [--quick]

Prints one JSON object. The appliance is started in the simulated room with the default service,
and with one over the network, which it does not reach. Imports are timed in processes of their
own: of the default service's codec, and of all. Nothing else should run.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[3]
if str(REPO) not in sys.path:
    sys.path.insert(0, str(REPO))

from device.simulator.room import Room  # noqa: E402
from scripts.bench_parts.services import arithmetic  # noqa: E402

RATE_HZ = 48_000
READY_S = 60.0
POLL_S = 0.5
STARTS, IMPORTS = 5, 9
SETTLE_S = 4.0  #: what loads in threads of its own is there
NETWORK = "openai_realtime"
#: What a codec needs and the appliance has anyway is imported before.
IMPORTING = """
import json, sys, time
import device.capabilities, device.commands, device.errors, device.events, urllib.parse, enum
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6
before, began = resident(), time.thread_time()
from device.providers import SERVICES, service_of
for name in {names}:
    service_of(name)
took_ms = 1000 * (time.thread_time() - began)
count = sum(module.startswith("device.providers.") for module in sys.modules)
print(json.dumps({{"ms": took_ms, "mb": resident() - before, "modules": count}}))
"""

Json = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="each once")
    quick = parser.parse_args().quick
    starts, imports = (1, 1) if quick else (STARTS, IMPORTS)
    result: Json = {
        "imports": {
            "default": imported('["offline"]', imports),
            "all": imported("SERVICES", imports),
        },
        "arithmetic_ms": arithmetic.pace_ms(),
    }
    with tempfile.TemporaryDirectory(prefix="parlor-start-") as folder:
        home = Path(folder)
        with Room(rate_hz=RATE_HZ, directory=home / "room") as room:
            result["default"] = started(room, home, "", starts)
            result["network"] = started(room, home, _network(home), 1)
    result["network"]["service"] = NETWORK
    print(json.dumps(result))


def imported(names: str, times: int) -> Json:
    """Medians of ``times`` fresh processes."""
    command = [sys.executable, "-c", IMPORTING.format(names=names)]
    found = []
    for _ in range(times):
        done = subprocess.run(command, cwd=REPO, stdout=subprocess.PIPE, check=True)
        found.append(json.loads(done.stdout))
    return {name: statistics.median(one[name] for one in found) for name in found[0]}


def started(room: Room, home: Path, service: str, times: int) -> Json:
    """Seconds to READY (median) and resident megabytes of the appliance's own process, some
    seconds later; the offline service is a process beside it."""
    config = home / "parlor.toml"
    audio = 'capture = "room_mic"\nplayback = "room_speaker"\n'
    rates = f"capture_rate_hz = {RATE_HZ}\nplayback_rate_hz = {RATE_HZ}\n"
    config.write_text(f"[audio]\n{audio}{rates}{service}")
    ready_s, resident_mb = [], []
    for number in range(times):
        notify = home / f"notify-{len(service)}-{number}"
        process, took_s = _start(config, room, notify)
        time.sleep(SETTLE_S)
        ready_s.append(took_s)
        resident_mb.append(_resident_mb(process.pid))
        process.send_signal(signal.SIGTERM)
        process.wait(10)
    return {
        "starts": times,
        "ready_s": statistics.median(ready_s),
        "resident_mb": statistics.median(resident_mb),
    }


def _network(home: Path) -> str:
    key = home / "key"
    key.write_text("key-of-the-bench")
    key.chmod(0o600)
    url = 'url = "wss://127.0.0.1:9/v1/realtime"\n'
    return f'[service]\nprovider = "{NETWORK}"\nkey_file = "{key}"\n{url}'


def _start(config: Path, room: Room, notify: Path) -> tuple[subprocess.Popen[bytes], float]:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(notify))
    listener.settimeout(POLL_S)
    environment = {**os.environ, **room.environment(), "NOTIFY_SOCKET": str(notify)}
    command = [sys.executable, "-m", "device.cli.main", "run", "--config", str(config)]
    began = time.monotonic()
    process = subprocess.Popen(command, env=environment, cwd=REPO, stderr=subprocess.DEVNULL)
    while not _is_ready(listener):
        if process.poll() is not None or time.monotonic() - began > READY_S:
            process.kill()
            raise RuntimeError(f"the appliance was not ready, exit status {process.wait()}")
    listener.close()
    return process, time.monotonic() - began


def _is_ready(listener: socket.socket) -> bool:
    try:
        return b"READY=1" in listener.recv(4096)
    except TimeoutError:
        return False


def _resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
