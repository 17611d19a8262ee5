"""Which environment variables look like secrets."""

from __future__ import annotations

from typing import Any

import pytest

from amlrun._secrets import holds_one, in_arguments, is_secret, secret_names

NAMES = [
    *(
        "HF_TOKEN",
        "WANDB_API_KEY",
        "OPENAI_APIKEY",
        "AZURE_CLIENT_SECRET",
        "AWS_SECRET_ACCESS_KEY",
        "DB_PASSWORD",
    ),
    *(
        "AZURE_STORAGE_CONNECTION_STRING",
        "AZURE_STORAGE_SAS_TOKEN",
        "STORAGE_SAS",
        "apiKey",
        "dbPassword",
        "KEY",
    ),
    *("DB_PASS", "HTTP_AUTH", "JWT", "COOKIE", "PASSCODE", "SASTOKEN", "STORAGE_SAS_URL", "SECRETS"),
    *("MY_TOKEN_2", "GITHUB_PAT", "CONN_STR", "connectionString", "SECRET_VALUE", "PGPASSWORD", "accountkey"),
    *("spark.hadoop.fs.azure.account.key.me.dfs.core.windows.net", "fs.azure.sas.box.me.net"),
]
HARMLESS = [
    *("TOKENIZERS_PARALLELISM", "KEYBOARD", "MONKEY", "PATH", "PYTHONPATH", "NCCL_DEBUG", "KEYVAULT_NAME"),
    *("SECRET_NAME", "TOKEN_URL", "COMPAT", "PASSWORD_FILE", "SASKIA"),
]
VALUES = [
    "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=abc==",
    "Endpoint=sb://x;SharedAccessKeyName=r;SharedAccessKey=abc=",
    "https://a.blob.core.windows.net/c?sv=2020&sig=abc%3D",
    "eyJhbGciOiJI.eyJzdWIiOiIx.abc",
    "ghp_0123456789abcdef0123",
    "hf_0123456789abcdefgh",
    "-----BEGIN RSA PRIVATE KEY-----\nabc",
    "postgres://me:secret@host/db",
    "Server=a;Password=b",
    "Bearer abcdefgh.12",
    f"{'aB3/' * 21}aB==",
    "abc8Q~0123456789abcdefghijklmnopqrstuv",
    "https://hooks.slack.com/services/T0/B0/x",
    "https://0123456789abcdef0123@github.com/a/b",
    "npm_0123456789abcdef",
]
PLAIN = [
    "https://a.blob.core.windows.net/c/x.csv",
    "eyJ",
    "hf_hub",
    "sk-learn",
    "signal=1",
    "http://host:80/x",
    "",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_that_tell(name: str) -> None:
    """However they are spelt; an empty one holds nothing."""
    assert is_secret(name, "s3cr3t-value")
    assert not is_secret(name, " ")


@pytest.mark.parametrize("name", HARMLESS)
def test_names_that_only_sound_so(name: str) -> None:
    """A name, a place, another word."""
    assert not is_secret(name, "abc")


@pytest.mark.parametrize("value", VALUES)
def test_values_that_tell(value: str) -> None:
    """Whatever their name."""
    assert is_secret("X", value)


@pytest.mark.parametrize("value", PLAIN)
def test_plain_values(value: str) -> None:
    """What is no key has no warning."""
    assert not is_secret("X", value)


def test_settings_of_tokenizers_are_none_but_a_short_password_is() -> None:
    """`PAD_TOKEN=0`; in the order of the variables."""
    variables = {"PASSWORD": "1234", "A": "b", "PAD_TOKEN": "0", "USE_KEY": "true", "TOKEN": "0x12"}
    assert secret_names(variables) == ("PASSWORD", "TOKEN")


ARGUMENTS = [
    *("-e HF_TOKEN=abc", "x hf_0123456789abcdefgh", "python x.py --password 'hunter 2'", "--api-key=k1"),
    *(["-e", "DB_PASSWORD=p"], ["--password", "p"], "--token abc1"),
    *(
        "az acr login -u me -p S3cret~x",
        "curl -u me:pass http://x",
        "curl -H 'Authorization: Bearer abc.def' x",
        "docker login x \\\n  -u me -p S3cret~x",
    ),
]
NO_SECRETS = [
    *("--token $TOKEN", "--password --verbose", "--pad-token 0", "--key=0", "python train.py --lr 0.1"),
    *(["--ipc=host", "-e", "A=b"], [], ["a", 1], None, {"a": "b"}),
    *("--sort-key name", "--primary-key id", "--key col_a", "--token train.txt", "docker login -u me -p $P"),
    *("curl -u $ME:$PASS x", "ssh login -p 22"),
    *("docker login x\ndocker run -p 8080:80 x", "curl x\ntrain -u a:b"),
]


@pytest.mark.parametrize("arguments", ARGUMENTS)
def test_arguments_that_hold_one(arguments: str | list[str]) -> None:
    """As one text, or as several; behind a name, or as its own word."""
    assert in_arguments(arguments)
    assert holds_one("command", arguments)


@pytest.mark.parametrize("arguments", NO_SECRETS)
def test_arguments_that_hold_none(arguments: Any) -> None:
    """A variable of the shell's, another option, a setting; what is no text."""
    assert not holds_one("command", arguments)


def test_a_list_under_the_name_of_a_secret() -> None:
    """Each text in it is one."""
    assert holds_one("passwords", ["a"]) is False
    assert holds_one("password", ["a"])
