"""The runs that tests of submission start with, and what happens to them on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure.core.pipeline.policies import HTTPPolicy

from amlrun import Requeue, Run, submit

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.ai.ml import MLClient

    from amlrun.testing import FakeAml

ENVIRONMENT = "azureml:train:1"
QUICK = Requeue(preemptions=2, waits=(1,))
NOISE = "".join(f"{number**5:x}" for number in range(6000))
"""Digits that don't compress: a job with them is too long for its properties."""


def spot(client: MLClient, **options: Any) -> Run:
    """A spot job with a price."""
    settings: dict[str, Any] = {"environment": ENVIRONMENT, "cpus": 4, "tier": "spot", "requeue": QUICK}
    return submit("python train.py", client=client, **{**settings, **options})


def spot_over(fake: FakeAml, between: Between, **options: Any) -> Run:
    """The same, over a way that things happen on."""
    return spot(fake.client(per_call_policies=between), **options)


class Between(HTTPPolicy[Any, Any]):
    """Something that happens between amlrun and the workspace: called with method, path, and the way on."""

    def __init__(self) -> None:
        super().__init__()
        self._shared: dict[str, Callable[[str, str, Callable[[], Any]], Any] | None] = {"act": None}

    @property
    def act(self) -> Callable[[str, str, Callable[[], Any]], Any] | None:
        """What happens; None: nothing. The copies of this policy, in other chains, do the same."""
        return self._shared["act"]

    @act.setter
    def act(self, act: Callable[[str, str, Callable[[], Any]], Any] | None) -> None:
        self._shared["act"] = act

    def send(self, request: Any) -> Any:
        """Let it happen."""
        sent = request.http_request
        if self.act is None:
            return self.next.send(request)
        return self.act(sent.method, sent.url.partition("?")[0], lambda: self.next.send(request))
