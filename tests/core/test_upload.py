"""What of a code folder goes along, and what is said of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from amlrun import InvalidRequest
from amlrun._upload.contents import CodeFile, LeftOut, Upload, in_bytes
from amlrun._upload.staging import staged
from amlrun._upload.survey import survey


def made(folder: Path, *names: str, **contents: str) -> Path:
    """A folder with these files; `contents` are those of ignore files, by what comes after the dot."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    for name, text in contents.items():
        (folder / f".{name}").write_text(text)
    return folder


def paths(upload: Upload) -> list[str]:
    """What goes along."""
    return [one.path for one in upload.files]


def test_caches_repositories_and_environments_stay_at_home(tmp_path: Path) -> None:
    """By their names, or by what marks them; a folder that is only called env is code."""
    code = made(
        tmp_path / "src",
        *("train.py", "lib/model.py", "env/settings.py", ".env", "build/x"),
        *(
            ".git/config",
            "lib/__pycache__/m.pyc",
            ".mypy_cache/x",
            ".ipynb_checkpoints/x",
            "web/node_modules/x",
        ),
        *(".venv/pyvenv.cfg", ".venv/lib/x", "conda/conda-meta/history", "conda/bin/x", ".DS_Store"),
    )
    upload = survey(code)
    assert paths(upload) == [".env", "build/x", "env/settings.py", "lib/model.py", "train.py"]
    assert upload.size == sum(map(len, paths(upload)))
    assert not list(upload.reasons())
    [told] = upload.warnings()
    assert "holds .env, by its name a secret" in told


def test_an_ignore_file_can_bring_back_what_never_goes_along(tmp_path: Path) -> None:
    """`!` counts for those, too."""
    code = made(tmp_path / "src", "a.py", "node_modules/x.js", ".git/config", amlignore="!node_modules\n")
    assert paths(survey(code)) == ["a.py", "node_modules/x.js"]


def test_amlignore_adds_to_gitignore(tmp_path: Path) -> None:
    """What git leaves out stays at home, unless .amlignore brings it back; both files stay at home, too."""
    code = made(
        tmp_path / "src",
        *("train.py", "secret.env", "made/proto.py", "data/x.csv", "data/keep.csv"),
        gitignore="*.env\nmade/\n",
        amlignore="data/\n!data/keep.csv\n!made/\n",
    )
    upload = survey(code)
    assert paths(upload) == ["data/keep.csv", "made/proto.py", "train.py"]
    assert upload.left_out == (LeftOut("secret.env", str(code / ".gitignore")),)
    assert list(upload.reasons()) == [f"left out of the code by {code / '.gitignore'}: secret.env"]


def test_gitignore_files_above_and_below_hold(tmp_path: Path) -> None:
    """Up to the repository's top; what they leave out is told, since azure-ai-ml doesn't read them."""
    top = made(tmp_path / "repo", ".git/HEAD", gitignore="*.log\n/src/made\n/lib\n!/src/b/c.log\n")
    code = made(
        top / "src", "a.py", "a.log", "made/x", "lib/y", "b/c.log", "b/t.tmp", "b/t.py", gitignore="*.tmp\n"
    )
    made(code / "b", gitignore="t.py\n")
    made(tmp_path, gitignore="*.py\n")
    upload = survey(code)
    assert paths(upload) == ["a.py", "b/.gitignore", "b/c.log", "lib/y"]
    assert list(upload.reasons()) == [
        f"left out of the code by {top / '.gitignore'}: a.log, made/",
        f"left out of the code by {code / 'b/.gitignore'}: b/t.py",
    ]


def test_a_folder_that_is_named_is_wanted(tmp_path: Path) -> None:
    """Where the repository ignores the folder itself, it can be sent all the same."""
    top = made(tmp_path / "repo", ".git/HEAD", gitignore="build/\n*.log\n")
    code = made(top / "build" / "job", "a.py", "a.log")
    assert paths(survey(code)) == ["a.py"]


def test_without_a_repository_no_folder_above_is_asked(tmp_path: Path) -> None:
    """A stray .gitignore in the home folder decides nothing."""
    made(tmp_path, gitignore="*.py\n")
    assert paths(survey(made(tmp_path / "src", "a.py"))) == ["a.py"]


def test_links_are_followed(tmp_path: Path) -> None:
    """Into the folder or out of it: what they lead to goes along under the link's name."""
    other = made(tmp_path / "other", "x.py", "sub/y.py")
    code = made(tmp_path / "src", "a.py")
    (code / "b.py").symlink_to("a.py")
    (code / "more").symlink_to(other)
    upload = survey(code)
    assert paths(upload) == ["a.py", "b.py", "more/sub/y.py", "more/x.py"]
    assert {os.path.realpath(one.source) for one in upload.files} == {
        str(code / "a.py"),
        *(str(other / name) for name in ("x.py", "sub/y.py")),
    }


def test_a_link_that_leads_nowhere_is_refused_with_its_path(tmp_path: Path) -> None:
    """Unless it is left out anyway."""
    code = made(tmp_path / "src", "a.py", "lib/b.py")
    (code / "lib" / "gone").symlink_to("nowhere.py")
    with pytest.raises(InvalidRequest, match=r"lib/gone.*leads to nowhere.py") as caught:
        survey(code)
    assert caught.value.argument == "code"
    assert ".amlignore" in caught.value.hint
    made(code, amlignore="gone\n")
    assert paths(survey(code)) == ["a.py", "lib/b.py"]


def test_a_link_in_a_circle_is_refused(tmp_path: Path) -> None:
    """It would never end."""
    code = made(tmp_path / "src", "lib/a.py")
    (code / "lib" / "up").symlink_to(code)
    with pytest.raises(InvalidRequest, match=r"lib/up.*leads back to"):
        survey(code)


def test_what_is_no_folder_with_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing, empty, with nothing but caches, all of it ignored, or the whole of a home or a machine."""
    empty = tmp_path / "empty"
    empty.mkdir()
    caches = made(tmp_path / "caches", "__pycache__/x.pyc")
    ignored = made(tmp_path / "ignored", "data/x.csv", gitignore="*\n")
    home = made(tmp_path / "home", "train.py")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    cases = {
        tmp_path / "missing": "there is no such folder",
        empty: "the folder is empty",
        caches: "nothing but caches",
        ignored: "leaves out all that is in it",
        home: "everything in it would be sent",
        Path("/"): "everything in it would be sent",
    }
    for path, why in cases.items():
        with pytest.raises(InvalidRequest, match=why) as caught:
            survey(path)
        assert caught.value.argument == "code"
        assert str(path) in caught.value.message


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no such system")
def test_what_can_not_be_read_to_its_end_stays_at_home(tmp_path: Path) -> None:
    """A pipe."""
    code = made(tmp_path / "src", "a.py")
    os.mkfifo(code / "pipe")
    assert paths(survey(code)) == ["a.py"]


@pytest.mark.skipif(os.name == "nt", reason="no such names there")
def test_a_name_that_is_no_text_is_refused(tmp_path: Path) -> None:
    """The service keeps names in UTF-8."""
    code = made(tmp_path / "src", "a.py")
    os.close(os.open(os.fsencode(code) + b"/\xff", os.O_CREAT))
    with pytest.raises(InvalidRequest, match="UTF-8"):
        survey(code)


def test_a_file_is_code_too(tmp_path: Path) -> None:
    """It goes alone."""
    upload = survey(made(tmp_path / "src", "a.py", "b.py") / "a.py")
    assert paths(upload) == ["a.py"]
    with staged(upload) as given:
        assert given == tmp_path / "src" / "a.py"


def test_a_large_folder_is_told_with_what_makes_it_large() -> None:
    """How many files, how many bytes, and the largest folders; none for what is small."""
    files = [CodeFile(f"data/{number}.bin", "", 1_000_000) for number in range(60)]
    files += [
        CodeFile("train.py", "", 900),
        CodeFile("model.pt", "", 5_000_000),
        CodeFile("lib/a.py", "", 1500),
    ]
    [told] = Upload(Path("/home/me/src"), tuple(files)).warnings()
    assert told == (
        "the code is large: 63 files, 65 MB; the largest of src: data/ 60 MB in 60 files, model.pt 5.0 MB, "
        "lib/ 1.5 kB; an .amlignore there leaves out what the job doesn't need"
    )
    many = tuple(CodeFile(f"{number}.py", "", 1) for number in range(2001))
    [told] = Upload(Path("src"), many).warnings()
    assert "2001 files, 2.0 kB (the documented limit is 300 MB or 2000 files)" in told


def test_bytes_in_words() -> None:
    """By thousands, two digits at least."""
    assert [in_bytes(size) for size in (0, 999, 1000, 9_950, 12_345, 3.4e6, 2e9, 5e13)] == [
        *("0 bytes", "999 bytes", "1.0 kB", "9.9 kB", "12 kB", "3.4 MB", "2.0 GB", "50.0 TB")
    ]


def test_a_stage_holds_what_goes_along_under_its_own_name(tmp_path: Path) -> None:
    """And is gone afterwards; the folder itself is as it was."""
    code = made(tmp_path / "src", "a.py", "lib/b.py", "x.log", amlignore="*.log\n")
    before = sorted(code.rglob("*"))
    with staged(survey(code)) as stage:
        assert stage.name == "src"
        found = sorted(path.relative_to(stage).as_posix() for path in stage.rglob("*") if path.is_file())
        assert found == ["a.py", "lib/b.py"]
        assert (stage / "lib" / "b.py").read_text() == "lib/b.py"
    assert not stage.parent.exists()
    assert sorted(code.rglob("*")) == before


def test_a_system_without_links_gets_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Windows does where the account may not make them."""

    def refuse(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(os, "symlink", refuse)
    monkeypatch.setattr(os, "link", refuse)
    with staged(survey(made(tmp_path / "src", "a.py"))) as stage:
        assert not (stage / "a.py").is_symlink()
        assert (stage / "a.py").read_text() == "a.py"


@pytest.mark.parametrize(
    ("path", "is_secret"),
    [
        *(
            (name, True)
            for name in (".env", "a/.env.local", "keys/id_rsa", "credentials.json", "my-key.pem", "a.pfx")
        ),
        *(
            (name, False)
            for name in (".env.example", "env.py", "ca.pem", "id_rsa.pub", "credentials.py", "keys.py")
        ),
    ],
)
def test_files_that_are_secrets_by_their_names_are_told(path: str, is_secret: bool) -> None:  # noqa: FBT001  a table
    """Templates and public keys are none."""
    assert bool(list(Upload(Path("src"), (CodeFile(path, "", 1),)).warnings())) is is_secret
