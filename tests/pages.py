"""Pages of the docs whose examples are run as they stand there, each section in a workspace of its own.

The first section with code sets up what the examples of all others use, a `fake` among it. What an example
prints stands below it, in a block of text.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    from collections.abc import Iterator

_BLOCK = re.compile(r"^```(python|text|toml|yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_DOCS = Path(__file__).resolve().parents[1] / "docs"


def title(section: str) -> str:
    """Its heading."""
    return section.partition("\n")[0].strip("# ")


@attrs.frozen
class Page:
    """A page of the docs: the section that sets up, and the others with examples."""

    path: Path
    first: str
    rest: tuple[str, ...]

    @classmethod
    def named(cls, name: str) -> Page:
        """The page of that name, cut before each heading of the second level."""
        path = _DOCS / name
        sections = re.split(r"(?m)^(?=## )", path.read_text(encoding="utf-8"))
        first, *rest = [section for section in sections if _BLOCK.search(section)]
        return cls(path, first, tuple(rest))

    def as_it_runs(self, section: str) -> str:
        """The section with what its examples print now, in the current folder.

        A `toml` block is the team's file from there on, a `yaml` block the file `job.yml`.
        """
        with self._prepared() as names:
            printed = ""

            def run(block: re.Match[str]) -> str:
                nonlocal printed
                kind, text = block.groups()
                if kind == "text":
                    return f"```text\n{printed}```"
                if kind == "toml":
                    Path("amlrun.toml").write_text(text, encoding="utf-8")
                    os.environ.pop("AMLRUN_CONFIG", None)
                elif kind == "yaml":
                    Path("job.yml").write_text(text, encoding="utf-8")
                else:
                    out = io.StringIO()
                    with contextlib.redirect_stdout(out):
                        exec(compile(text, title(section), "exec"), names)  # noqa: S102 - the page's own
                    printed = out.getvalue()
                return block.group()

            return _BLOCK.sub(run, section)

    def silent(self, section: str) -> list[str]:
        """The examples that show nothing: they would be held to nothing."""
        blocks = [block for block in _BLOCK.findall(section) if block[0] in {"python", "text"}]
        after = [kind for kind, _ in blocks[1:]]
        return [
            text
            for (kind, text), then in zip(blocks, [*after, ""], strict=True)
            if kind == "python" and then != "text"
        ]

    def rewrite(self) -> None:
        """Write what the examples print now into the page; read the difference before it is kept."""
        whole = self.path.read_text(encoding="utf-8")
        for section in self.rest:
            with tempfile.TemporaryDirectory() as folder:
                os.chdir(folder)
                os.environ["AMLRUN_CONFIG"] = os.devnull
                whole = whole.replace(section, self.as_it_runs(section))
        self.path.write_text(whole, encoding="utf-8")

    @contextlib.contextmanager
    def _prepared(self) -> Iterator[dict[str, Any]]:
        """The names that a section begins with."""
        names: dict[str, Any] = {"__name__": "example"}
        for _, code in _BLOCK.findall(self.first):
            exec(compile(code, self.path.name, "exec"), names)  # noqa: S102 - the page's own examples
        try:
            yield names
        finally:
            names["fake"].stop()
