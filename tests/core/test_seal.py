"""What is secret in a folder of state can't be read there, and opens with the key of who wrote it."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from amlrun import NotConfigured
from amlrun.testing._state.seal import UNREADABLE, Seal
from amlrun.testing._state.store import Store

if TYPE_CHECKING:
    from pathlib import Path

BODY: dict[str, Any] = {
    "environmentVariables": {"HF_TOKEN": "hunter2", "SEED": "7", "NOTHING": None},
    "command": "python train.py --password hunter2",
    "args": ["--password", "hunter2"],
    "inputs": {"api_key": {"value": "hunter2"}, "data": {"uri": "https://a.net/c?sig=hunter2"}},
    "conf": {"spark.cores": 1, "nested": [{"key": "hunter2"}]},
}


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the key is kept."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "amlrun"


def test_what_looks_like_a_secret_is_sealed(config: Path) -> None:
    """Wherever it stands; all else can be read. The key is its owner's alone."""
    text = Seal().written(BODY)
    assert "hunter2" not in text
    assert json.loads(text)["environmentVariables"]["SEED"] == "7"
    assert Seal().read(text) == BODY
    (key,) = config.iterdir()
    assert key.stat().st_mode & 0o77 == 0


def test_a_secret_is_sealed_whole() -> None:
    """Whatever it looks like."""
    text = Seal().written({"value": "swordfish"}, whole=True)
    assert "swordfish" not in text
    assert Seal().read(text) == {"value": "swordfish"}


def test_without_secrets_no_key_is_made(config: Path) -> None:
    """Nothing is written to the user's folders that nobody needs."""
    body = {"name": "train", "count": 1}
    assert Seal().read(Seal().written(body)) == body
    assert not config.exists()


def test_with_another_key_the_rest_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that came from another machine shows all but its secrets."""
    text = Seal().written(BODY)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "other"))
    assert Seal().read(text)["environmentVariables"] == {
        **BODY["environmentVariables"],
        "HF_TOKEN": UNREADABLE,
    }


def test_where_no_key_can_be_kept_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told, with the way out; the state stays without the document."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    store = Store(tmp_path / "state")
    with pytest.raises(NotConfigured, match="Set XDG_CONFIG_HOME"), store.transaction() as records:
        records.put("job", "train", BODY)
    with store.transaction() as records:
        assert records.names("job") == []


def test_a_key_is_kept_where_no_file_has_two_names(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On exFAT and in some homes on a network; nothing else is left there."""

    def refuse(*_: object) -> None:
        raise PermissionError("not on this file system")

    monkeypatch.setattr("os.link", refuse)
    text = Seal().written(BODY)
    assert Seal().read(text) == BODY
    (key,) = config.iterdir()
    assert (key.name, key.stat().st_mode & 0o77) == ("seal.key", 0)


def test_a_key_that_is_not_written_leaves_nothing(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No half of one, under whatever name."""
    config.mkdir(parents=True)

    def fill(_self: object, _data: bytes) -> int:
        raise OSError("No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", fill)
    with pytest.raises(NotConfigured, match="No space left"):
        Seal().written(BODY)
    assert not [*config.iterdir()]


def test_two_who_make_a_key_at_once_have_the_same() -> None:
    """The first one's counts."""
    seals, texts = [Seal() for _ in range(8)], [""] * 8
    barrier = threading.Barrier(8)

    def write(number: int) -> None:
        barrier.wait()
        texts[number] = seals[number].written(BODY)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(Seal().read(text) == BODY for text in texts)
