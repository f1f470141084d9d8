"""What hearing costs: CPU while idle and in a reply, memory, and how both grow.

    .venv/bin/python -m scripts.bench_parts.acoustics.cost_rows [--quick]

Prints one JSON object. CPU is the process's own time per second of sound, of the classes as
the ear runs them (``ear.py``), the median of some rounds. Each point of a line is measured in a
process of its own (:mod:`cost_point`), memory with it. The appliance's memory is that of the
whole process in the simulated room, listening, with Smart Turn loaded. Nothing else should run.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[3]
if str(REPO) not in sys.path:
    sys.path.insert(0, str(REPO))

from device.audio.finished.smart_turn import installed_model  # noqa: E402
from device.simulator.room import Room  # noqa: E402

RATE_HZ = 48_000
COUNTS = (1, 2, 4, 8)
SETTLE_S = 8.0  #: after READY: the models that load in threads of their own are there
READY_S = 60.0
CONFIG = f"""
[audio]
capture = "room_mic"
playback = "room_speaker"
capture_rate_hz = {RATE_HZ}
playback_rate_hz = {RATE_HZ}
[service]
turn_detection = "device"
[turn]
smart_turn = "auto"
"""

Json = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="shorter sounds, fewer rounds")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory(prefix="parlor-cost-") as folder:
        memory = appliance_memory(Path(folder))
    result: Json = {
        "front_end": {kind: point(kind, 1, quick) for kind in ("idle", "reply")},
        "confirmed_idle": point("confirmed", 1, quick),
        "memory": memory,
        "growth": {
            kind: {str(count): point(kind, count, quick) for count in COUNTS}
            for kind in ("channels", "words")
        },
    }
    print(json.dumps(result, indent=2))


def point(kind: str, count: int, quick: bool) -> Json:
    """Measured by :mod:`cost_point` in a process of its own."""
    command = [sys.executable, "-m", "scripts.bench_parts.acoustics.cost_point", kind, str(count)]
    command += ["--quick"] if quick else []
    done = subprocess.run(command, cwd=REPO, stdout=subprocess.PIPE, check=True)
    found: Json = json.loads(done.stdout)
    return found


def appliance_memory(home: Path) -> Json:
    """Resident memory of the appliance's own process, some seconds after it was ready."""
    config, notify = home / "parlor.toml", home / "notify"
    config.write_text(CONFIG)
    with Room(rate_hz=RATE_HZ, directory=home / "room") as room:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.bind(str(notify))
        listener.settimeout(READY_S)
        environment = {**os.environ, **room.environment(), "NOTIFY_SOCKET": str(notify)}
        command = [sys.executable, "-m", "device.cli.main", "run", "--config", str(config)]
        process = subprocess.Popen(command, env=environment, cwd=REPO, stderr=subprocess.DEVNULL)
        try:
            while b"READY=1" not in listener.recv(4096):
                pass
            time.sleep(SETTLE_S)
            mapped = Path(f"/proc/{process.pid}/maps").read_text()
            resident_mb = resident_megabytes(process.pid)
        finally:
            listener.close()
            process.send_signal(signal.SIGTERM)
            process.wait(10)
    return {
        "resident_mb": round(resident_mb, 1),
        "smart_turn": installed_model() is not None and "onnxruntime" in mapped,
    }


def resident_megabytes(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
