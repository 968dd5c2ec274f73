"""A cluster of one file: sbatch, squeue and scancel by its first argument, their state in FAKE_SLURM.

What a test puts into that folder tells it how to behave: ``hold`` (jobs wait), ``broken`` (nobody answers), ``refuse``
(sbatch says no), ``slow`` (sbatch takes the job and answers too late). Real Slurm: tests/cluster.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PLACE = Path(os.environ.get("FAKE_SLURM", "."))


def read(number):
    while True:
        try:
            return json.loads((PLACE / f"{number}.json").read_text())
        except ValueError:
            time.sleep(0.01)


def write(number, **more):
    path = PLACE / f"{number}.json"
    job = (read(number) if path.exists() else {}) | more
    part = path.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(job))
    part.replace(path)


def jobs():
    return sorted(int(path.stem) for path in PLACE.glob("*.json"))


def begin(number):
    """Start a job, once."""
    try:
        os.close(os.open(PLACE / f"{number}.begun", os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    keeper = [sys.executable, "-S", __file__, "keep", str(number)]
    none = subprocess.DEVNULL
    subprocess.Popen(keeper, start_new_session=True, stdin=none, stdout=none, stderr=none)


def keep(number):
    """Run a job to its end."""
    job = read(number)
    env = job["env"] | {"SLURM_JOB_ID": str(number)}
    with open(job["output"], "ab") as log:
        child = subprocess.Popen(["/bin/sh", "-c", job["script"]], stdout=log, stderr=log, env=env, cwd="/")
    write(number, state="RUNNING", pid=child.pid)
    code = child.wait()
    if read(number)["state"] == "RUNNING":
        write(number, state="FAILED" if code else "COMPLETED")


def sbatch(words):
    if (PLACE / "refuse").exists():
        sys.exit("sbatch: error: Batch job submission failed: Invalid partition name specified")
    options = dict(word[2:].partition("=")[::2] for word in words)
    number = len(jobs()) + 1
    write(
        number,
        state="PENDING",
        words=words,
        name=options["job-name"],
        output=options["output"].replace("%%", "%"),
        script=sys.stdin.read(),
        env=dict(os.environ),
    )
    if not (PLACE / "hold").exists():
        begin(number)
    if (PLACE / "slow").exists():
        time.sleep(30)
    print(number)


def squeue(words):
    assert "--states=all" in words and f"--user={os.getuid()}" in words
    for number in jobs():
        job = read(number)
        if job["state"] == "PENDING" and not (PLACE / "hold").exists():
            begin(number)
        reason = "Resources" if job["state"] == "PENDING" else "None"
        print(f"{number}|{job['state']}|node1|{job['name']}|{reason}")


def sinfo(words):
    assert "--Node" in words
    print("node1|mixed|1/3/0/4|16000|12000|gpu:a100:2(S:0),gpu:1")
    print("node2|down*|0/0/8/8|32000|N/A|(null)")
    print("node1|mixed|1/3/0/4|16000|12000|gpu:a100:2(S:0),gpu:1")  # in another partition


def scancel(words):
    number = int(words[-1])
    job = read(number)
    if job["state"] in ("PENDING", "RUNNING"):
        write(number, state="CANCELLED")
        (PLACE / f"{number}.begun").touch()
        if job["state"] == "RUNNING":
            os.kill(job["pid"], signal.SIGTERM)


if __name__ == "__main__":
    called = sys.argv[1]
    if called == "keep":
        keep(int(sys.argv[2]))
        sys.exit()
    with open(PLACE / "asked", "a") as asked:
        asked.write(called + "\n")
    if (PLACE / "broken").exists():
        sys.exit(f"{called}: error: Unable to contact slurm controller (connect failure)")
    {"sbatch": sbatch, "squeue": squeue, "scancel": scancel, "sinfo": sinfo}[called](sys.argv[2:])
