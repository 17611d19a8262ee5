"""`@with_fake_aml`: a fake of its own for each call of a function."""

from __future__ import annotations

import inspect
from functools import wraps
from typing import TYPE_CHECKING, Any, overload

from amlrun.testing._fake import FakeAml

if TYPE_CHECKING:
    from collections.abc import Callable

PARAMETER = "fake_aml"


@overload
def with_fake_aml(function: Callable[..., Any], /) -> Callable[..., Any]: ...


@overload
def with_fake_aml(**options: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]: ...


def with_fake_aml(function: Any = None, /, **options: Any) -> Any:
    """Run a function, a method or an async function with a fake started: a new one for each call.

    A function with a parameter `fake_aml` is given the fake by it; others find it behind any `MLClient` of
    theirs that is of the fake's scope. `options` are those of `FakeAml`. A scripted fault that never struck
    is an AssertionError at the end, as with the fixture.

        @with_fake_aml(location="westeurope")
        def test_submission(fake_aml): ...

    Raises TypeError for a class (decorate its methods) and for a generator.
    """
    if function is None:
        return lambda decorated: _decorated(decorated, options)
    return _decorated(function, options)


def _decorated(function: Any, options: dict[str, Any]) -> Any:
    if isinstance(function, type) or not callable(function):
        raise TypeError(f"with_fake_aml decorates functions and methods, not {function!r}.")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(f"{function!r} is a generator: use `with FakeAml() as fake:` in it.")
    signature = inspect.signature(function)
    passed = PARAMETER in signature.parameters

    def given(fake: FakeAml, named: dict[str, Any]) -> dict[str, Any]:
        return {**named, PARAMETER: fake} if passed else named

    if inspect.iscoroutinefunction(function):

        @wraps(function)
        async def called(*args: Any, **named: Any) -> Any:
            with FakeAml(**options) as fake:
                return await function(*args, **given(fake, named))

    else:

        @wraps(function)
        def called(*args: Any, **named: Any) -> Any:
            with FakeAml(**options) as fake:
                return function(*args, **given(fake, named))

    # What a test runner looks at: the parameter is filled here, and is no fixture.
    rest = [each for name, each in signature.parameters.items() if name != PARAMETER]
    called.__signature__ = signature.replace(parameters=rest)  # type: ignore[attr-defined]
    return called
