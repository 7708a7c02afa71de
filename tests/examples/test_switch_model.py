"""The example that switches an embedding model under load, run as users run it."""

import os
import re
import subprocess
import sys

import pytest

from tests.architecture.source_tree import REPOSITORY

pytestmark = pytest.mark.slow


def test_the_model_is_switched_while_others_go_on(session_settings: dict[str, str]) -> None:
    command = [sys.executable, str(REPOSITORY / "examples" / "switch_model.py")]
    environment = {**os.environ, **session_settings, "PYTHONIOENCODING": "utf-8"}
    run = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=False)
    assert run.returncode == 0, run.stderr
    done = re.search(r"done: (\d+) vectors, 0 failed, (\d+) retries", run.stdout)
    assert done is not None, run.stdout
    assert int(done[1]) >= 79
    assert int(done[2]) > 0
    counts = {what: int(number) for number, what in re.findall(r"(\d+) (searches|inserts) meanwhile", run.stdout)}
    assert counts["searches"] > 10
    assert counts["inserts"] > 10
    documents = re.search(r"(\d+) documents, searched by the new model", run.stdout)
    assert documents is not None
    assert int(documents[1]) == 79 + counts["inserts"] + 1
