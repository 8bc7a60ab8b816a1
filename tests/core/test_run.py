"""The run folder: numbered without races, held by one process, and honest about what it is."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from seodang.core.errors import MachineError, RunError
from seodang.core.run import FORMAT, RunFolder, list_runs


def test_two_at_once_get_two_folders(tmp_path: Path) -> None:
    """Processes do the same: `mkdir` of the operating system decides."""
    made: list[str] = []
    together = threading.Barrier(8)

    def make() -> None:
        together.wait()
        made.append(RunFolder.create(tmp_path / "runs", "text").path.name)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == sorted(f"text-{n}" for n in range(1, 9))


def test_two_processes_at_once_get_two_folders(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from seodang.core.run import RunFolder\n"
        "sys.stdin.read(1)\n"
        "print(*[RunFolder.create(Path(sys.argv[1]), 'text').path.name for _ in range(20)])"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "runs")]
    children = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    for child in children:
        assert child.stdin is not None
        child.stdin.write("g")
        child.stdin.flush()
    names = [name for child in children for name in child.communicate()[0].split()]
    assert len(names) == len(set(names)) == 40


def test_numbers_go_on_after_the_highest_and_families_do_not_mix(tmp_path: Path) -> None:
    for name in ("text-7", "text-old", "graphs-9", "text-2-step-3"):
        (tmp_path / name).mkdir()
    assert RunFolder.create(tmp_path, "text").path.name == "text-8"


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(MachineError, match=r"runs: a file .*in the way"):
        RunFolder.create(tmp_path / "runs", "text")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="an administrator may write anywhere")
def test_no_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(MachineError, match="permission denied; choose a folder that you may write to"):
        RunFolder.create(tmp_path, "text")


def test_a_run_held_by_another_process(run: RunFolder) -> None:
    code = (
        "import sys; from pathlib import Path; from seodang.core.run import RunFolder\n"
        "with RunFolder(Path(sys.argv[1])).locked():\n"
        "    print('held', flush=True); sys.stdin.read(1)"
    )
    assert not run.is_locked()
    command = [sys.executable, "-c", code, str(run.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        assert run.is_locked()
        with pytest.raises(RunError, match="another process is training this run"), run.locked():
            pass
        child.kill()
        child.wait()
    with run.locked():
        assert run.is_locked()
    assert not run.is_locked()


def test_an_error_inside_the_lock_is_not_blamed_on_the_run(run: RunFolder) -> None:
    with pytest.raises(PermissionError, match="elsewhere"), run.locked():
        raise PermissionError(13, "elsewhere")
    assert not run.is_locked()


def test_what_is_not_a_run(tmp_path: Path, run: RunFolder) -> None:
    with pytest.raises(RunError, match="no such run folder; `seodang runs` lists"):
        RunFolder.open(tmp_path / "missing")
    with pytest.raises(RunError, match="not a run folder"):
        RunFolder.open(tmp_path)
    run.write_json("settings.json", {"format": FORMAT + 1})
    with pytest.raises(RunError, match=f"written by another version of Seodang .format {FORMAT + 1}"):
        RunFolder.open(run.path)
    (run.path / "settings.json").write_text("{")
    with pytest.raises(RunError, match=r"settings\.json: not readable"):
        RunFolder.open(run.path)
    (run.path / "settings.json").write_text("[]")
    with pytest.raises(RunError, match="not a run folder"):
        RunFolder.open(run.path)
    with pytest.raises(RunError, match=r"evaluation\.json is missing; the run did not get that far"):
        run.read_json("evaluation.json")


def test_rows_are_rewound_and_a_torn_row_is_not_read(run: RunFolder) -> None:
    run.append("metrics.jsonl", {"step": 1})
    length = run.metrics_bytes()
    run.append("metrics.jsonl", {"step": 2})
    with (run.path / "metrics.jsonl").open("ab") as file:
        file.write(b'{"ste')
    assert run.rows("metrics.jsonl") == [{"step": 1}, {"step": 2}]
    run.rewind(length)
    assert run.rows("metrics.jsonl") == [{"step": 1}]
    with pytest.raises(RunError, match="shorter than its checkpoint says"):
        run.rewind(length + 1)
    assert run.rows("timings.jsonl") == []


def test_leftovers_of_a_kill_are_cleared(run: RunFolder) -> None:
    (run.path / "timings.jsonl").write_bytes(b'{"a": 1}\n{"b"')
    part = run.path / "checkpoints" / ".train-step-00000001.safetensors.0123abcd.part"
    part.write_bytes(b"half")
    run.clear_leftovers()
    assert not part.exists()
    assert (run.path / "timings.jsonl").read_bytes() == b'{"a": 1}\n'


def test_runs_are_listed_by_family_and_number(tmp_path: Path) -> None:
    for name in ("text-10", "text-9", "graphs-1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "settings.json").write_text("{}")
    (tmp_path / "text-11").mkdir()  # not a run yet
    assert [folder.path.name for folder in list_runs(tmp_path)] == ["graphs-1", "text-9", "text-10"]
    assert list_runs(tmp_path / "missing") == []
