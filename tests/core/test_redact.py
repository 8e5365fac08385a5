"""Secrets never pass redaction; what is no secret does, unchanged."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from epochal.core.redact import MARK, redact, redact_argv, redact_text, strip_userinfo
from epochal.core.secret_names import is_secret_name

CANARY = "Canary7f3b"  # of no known form: only its name can give it away

SECRET_NAMES = """password passwd db_password dbPassword PGPASSWORD passphrase secret client_secret
    clientSecret AWS_SECRET_ACCESS_KEY api_key apiKey apikey api-key X-Api-Key OPENAI_API_KEY
    WANDB_API_KEY wandb.api_key access_key accessKey private_key ssh_key session_key token Token
    hf_token HF_TOKEN HFToken hfToken hub_token auth_token authToken access_tokens token2
    push_to_hub_token auth authorization credential credentials cookie cookies oauth2 jwt
    db_pass pass mysql_pwd""".split()
HARMLESS_NAMES = """tokenizer max_tokens n_tokens num_tokens token_count tokens author authors key
    num_keys keys attention attention_mask keyboard monkey eos_token pad_token bos_token mask_token
    loss_per_token image_token token_dim tokens_per_batch passes forward_pass bypass compass
    primary_key sort_key public_key lr passage""".split()

# Put together here, so that no scanner takes this file for a leak.
RANDOM = "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC1eF3hJ5"
FORMS = {
    "Hugging Face": "hf_" + RANDOM,
    "OpenAI": "sk-" + "proj-" + RANDOM,
    "Anthropic": "sk-" + "ant-api03-" + RANDOM,
    "GitHub": "gh" + "p_" + RANDOM,
    "GitHub OAuth": "gh" + "o_" + RANDOM,
    "GitHub fine-grained": "github" + "_pat_" + RANDOM,
    "AWS": "AK" + "IA" + "QWERTYUIOPASDFGH",
    "Slack": "xox" + "b-123456789012-" + RANDOM,
    "GitLab": "gl" + "pat-" + RANDOM[:20],
    "Google": "AI" + "za" + RANDOM,
    "W&B": "wandb" + "_v1_" + RANDOM,
    "JSON web token": "ey" + "J" + RANDOM + "." + RANDOM + "." + RANDOM,
}
HEX40 = "0123456789abcdef0123456789abcdef01234567"
PEM = (
    "-----BEGIN " + "RSA PRIVATE KEY-----\n" + "MIIEow" + RANDOM + "\n"
    "-----END " + "RSA PRIVATE KEY-----"
)  # fmt: skip


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_values_of_secret_names_are_hidden(name):
    """A secret name hides its value in a mapping, a flag, an assignment and a diff."""
    assert is_secret_name(name)
    assert redact({"a": [{name: CANARY}]}) == {"a": [{name: MARK}]}
    assert redact_argv([f"--{name}", CANARY, "--x"]) == [f"--{name}", MARK, "--x"]
    assert redact_argv([f"--{name}={CANARY}"]) == [f"--{name}={MARK}"]
    assert redact_argv([f"{name}={CANARY} and more"]) == [f"{name}={MARK}"]
    assert redact_text(f'+    {name} = "{CANARY}"') == f'+    {name} = "{MARK}"'


@pytest.mark.parametrize("name", HARMLESS_NAMES)
def test_values_of_other_names_stay(name):
    """Names that only look like a secret's hide nothing."""
    assert not is_secret_name(name)
    assert redact({name: "word"}) == {name: "word"}
    assert redact_argv([f"--{name}", "word", f"{name}=word"]) == [
        f"--{name}",
        "word",
        f"{name}=word",
    ]
    assert redact_text(f'{name} = "word"\n{name}: word') == f'{name} = "word"\n{name}: word'


@pytest.mark.parametrize("secret", FORMS.values(), ids=FORMS)
def test_known_forms_are_replaced_in_place(secret):
    """Tokens of known services are found anywhere, and what is around them stays."""
    assert redact(f"before {secret}, after") == f"before {MARK}, after"
    assert redact({"notes": [f"x={secret}"], secret: 1}) == {"notes": [f"x={MARK}"], MARK: 1}
    assert redact_argv(["train.py", secret, f"--name={secret}"]) == [
        "train.py",
        MARK,
        f"--name={MARK}",
    ]
    assert secret[8:] not in redact_text(f"+{secret}\n-'{secret}'\nhttps://h/{secret}/x")


def test_private_keys_are_replaced():
    """A private key is hidden to its end, or to the end of the text where that is missing."""
    assert redact_text(f"a\n{PEM}\nb") == f"a\n{MARK}\nb"
    assert redact_text(f"a\n{PEM[:60]}") == f"a\n{MARK}"
    added = "+" + PEM.replace("\n", "\n+")
    assert redact_text(f"{added}\n lr = 1") == f"+{MARK}\n lr = 1"


def test_names_like_modules_stay():
    """Words that begin like a token are no tokens."""
    text = "hf_hub_download hf_transformers task-sk-learn sk-learn-pipelines-of-steps ghp_x AKIA"
    assert redact_text(text) == text


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://me:pw@host/x.git", "https://host/x.git"),
        ("https://token@host:8080/x", "https://host:8080/x"),
        ("https://me:p@w@host/x", "https://host/x"),
        ("https://me:p/w@host/x", "https://host/x"),
        ("ssh://git@host/x", "ssh://git@host/x"),
        ("ssh://me@host/x", "ssh://host/x"),
        ("git@github.com:a/b.git", "git@github.com:a/b.git"),
        ("me:pw@host:a/b.git", "host:a/b.git"),
        ("https://host/x", "https://host/x"),
        ("https://host:443/a@b", "https://host:443/a@b"),
        ("/data/repo@v2", "/data/repo@v2"),
        ("../repo.git", "../repo.git"),
        ("https://host/x?token=abc&a=1", f"https://host/x?token={MARK}&a=1"),
        ("https://host/x?a=1&sig=abc%3D", f"https://host/x?a=1&sig={MARK}"),
    ],
)
def test_credentials_leave_urls(url, clean):
    """User name, password and signed parameters go; host, port, path and the rest stay."""
    assert strip_userinfo(url) == clean
    if "://" in url:
        assert redact({"at": url}) == {"at": clean}
        assert redact_text(f"see {url} for") == f"see {clean} for"


LEAKS = [
    'password = "{}"',
    "+PASSWORD={}",
    "-  password: {} words",
    "export WANDB_API_KEY={} PYTHONPATH=src",
    "train.py --token {} --lr 3",
    "train.py --token={} --lr 3",
    'train.py --token "{} words"',
    "train.py --token \\\n+  {}",
    "connect(token={}, lr=3)",
    '"api_key": "{}",',
    "'api_key': b'{}'",
    'os.environ["HF_TOKEN"] = "{}"',
    'os.environ.setdefault("HF_TOKEN", "{}")',
    'token = os.getenv("HF_TOKEN", "{}")',
    'token = decrypt("{}")',
    'def f(token: str, password: Optional[str] = "{}"):',
    'parser.add_argument("--token", type=str, default="{}")',
    'add_argument(\n+    "--token",\n+    default="{}",\n+)',
    '{{\\"password\\": \\"{}\\"}}',
    'password = "\\"{}"',
    'secret = """\n{}\n"""',
    "password: |\n  {}\n",
    'password = (\n+    "{}"\n+)',
    "api_keys:\n  - {}\n",
    '{{"api_key":\n  "{}"}}',
    'if password == "{}":',
    "Server=h;Password={};Database=d",
    "AccountName=a;AccountKey={}==;EndpointSuffix=s",
    "Authorization: Bearer {}",
    'curl -H "Authorization: token {}" https://h',
    "curl -H 'X-Api-Key: {}' https://h",
    "Cookie: a={}; b=c",
    "bearer {}",
    "https://me:{}@h/x",
    "https://{}@h/x",
    "https://h/x?token={}&b=2",
    "https://hooks.slack.com/services/T0/B0/{}",
    "password: {})",
    "#password: {}",
    ";password = {} words",
    "x;PASSWORD='{}'",
    "a&token='{}'",
    "password: ${{X:-{}}}",
    "password: [redacted] {}",
    "token: str = Field('{}')",
]


@pytest.mark.parametrize("form", LEAKS)
def test_secrets_leave_text(form):
    """Values of secret names leave code, settings, shell lines, headers and URLs."""
    text = form.format(CANARY)
    redacted = redact_text(f"first line\n{text}\nlast line")
    assert CANARY not in redacted
    assert redacted.startswith("first line\n")
    assert redacted.endswith("\nlast line")
    assert CANARY not in json.dumps(redact({"command": [text]}))


@pytest.mark.parametrize(
    "text",
    [
        "token = next(stream)",
        "token = tokens[i]",
        "def f(token: str, n: int) -> None:",
        "    token: str,",
        "password: Optional[str] = None",
        "use_auth = True",
        'api_key = os.environ["WANDB_API_KEY"]',
        "api_key: ${oc.env:WANDB_API_KEY}",
        "PASSWORD=$PASSWORD",
        "password: null",
        "if token == eos_token:",
        "loss = model(tokens, attention_mask=mask)",
        'key = "value"  # a key: of a mapping',
        "commit " + HEX40,
    ],
)
def test_code_stays_readable(text):
    """Code that only handles secrets, types and references are kept."""
    assert redact_text(text) == text


def test_wandb_key_is_known_by_its_name():
    """Forty hexadecimal digits are a W&B key under such a name and a commit elsewhere."""
    assert redact({"wandb": {"key": HEX40, "login": HEX40}, "commit": HEX40}) == {
        "wandb": {"key": MARK, "login": MARK},
        "commit": HEX40,
    }
    assert redact_argv([f"--wandb={HEX40}", "--wandb_key", HEX40, f"--commit={HEX40}"]) == [
        f"--wandb={MARK}",
        "--wandb_key",
        MARK,
        f"--commit={HEX40}",
    ]
    assert redact_text(f"wandb login {HEX40}") == f"wandb login {MARK}"


def test_command_lines():
    """Flags, overrides and lists of values are hidden; other arguments stay as they are."""
    argv = ["train.py", "--use_auth", "--lr", "0.1", "-p", "3", "--auth", "true", "--tokens", "5"]
    assert redact_argv(argv) == argv
    assert redact_argv(["--api_keys", "a", "b", "--lr", "1"]) == [
        "--api_keys",
        MARK,
        MARK,
        "--lr",
        "1",
    ]
    assert redact_argv(["+wandb.api_key=a", "++x/db.password=b c", "--token", "-a9b"]) == [
        f"+wandb.api_key={MARK}",
        f"++x/db.password={MARK}",
        "--token",
        MARK,
    ]
    assert redact_argv([b"--token", b"\xff"]) == ["--token", MARK]


def test_nested_config():
    """Secrets are found in lists, tuples, sets, bytes, paths, keys and name-value pairs."""
    secret = FORMS["Hugging Face"]
    config = {
        "hub": {"token": CANARY, "private": True},
        "openai": {"key": CANARY},
        "stages": [{"name": "a", "env": [{"name": "HF_TOKEN", "value": CANARY}]}],
        "tuple": (1, {"apiKey": CANARY}),
        "set": {secret},
        "bytes": secret.encode(),
        "path": Path("/data") / secret,
        "command": ["python", "--password", CANARY, "--lr", "1"],
        "auth": {"user": CANARY, "list": [CANARY]},
        b"password": CANARY,
        secret: 1,
        secret + "1": 2,
    }
    clean = redact(config)
    assert CANARY not in repr(clean)
    assert secret not in repr(clean)
    assert clean["hub"] == {"token": MARK, "private": True}
    assert clean["tuple"] == (1, {"apiKey": MARK})
    assert clean["command"] == ["python", "--password", MARK, "--lr", "1"]
    assert sorted(v for v in clean.values() if isinstance(v, int)) == [1, 2]


def test_what_reveals_nothing_stays():
    """Truth values, None, numbers and empty values say whether something was set, and stay."""
    config = {"token": None, "auth": True, "pass": "", "cookies": [], "api_key": "none", "key": 3}
    assert redact(config) == config
    assert redact({"token": 0.5, "auth": 7}) == {"token": 0.5, "auth": 7}
    assert redact({"password": 12345678}) == {"password": MARK}  # unquoted in YAML


def test_other_objects_pass_by_identity():
    """Objects that are no plain data are not copied, but hidden under a secret name."""
    thing = object()
    assert redact({"x": thing})["x"] is thing
    assert redact({"token": thing}) == {"token": MARK}


def test_depth_cycles_and_sharing_end():
    """Deep, endless and exponentially shared data give small results."""
    deep: list = [CANARY]
    for _ in range(500):
        deep = [deep]
    assert CANARY not in repr(redact(deep))
    endless: dict = {"password": CANARY}
    endless["self"] = [endless, endless]
    assert CANARY not in repr(redact(endless))
    shared: list = [{"token": CANARY}]
    for _ in range(60):
        shared = [shared, shared]
    clean = redact(shared)
    assert clean[0] is clean[1]


HOSTILE = """a|a |--a |token=|"|token="|eyJ|sk-|hf_|://|://a:b|a:|password: str |--token |\\"|
    token=\\"|-----BEGIN PRIVATE KEY-----|?a=|"--a",|"--a", default|Authorization:|token = f(|-|a.|
    token:str,|token: $X |token="" |token=$X;|token = a(]|token == x|token='''|token=|str |
    Password: [redacted]|secret_|http://a:|bearer |xox|[redacted]|Ab|token=(token""".split("|")


@pytest.mark.parametrize("unit", [unit.strip("\n ") + " " * unit.endswith(" ") for unit in HOSTILE])
def test_hostile_text_takes_linear_time(unit):
    """Repetitions made to trap expressions end (they would not in quadratic time)."""
    size = 1 << 18
    text = f"{(unit * size)[:size]}\npassword={CANARY}\n"
    assert CANARY not in redact_text(text)


marks = "\"'`\\=:,;()[]{}<>@/?&#-+. \n\t|$"
pieces = ["token", "password", "a", "str", '"""', "://", "eyJ", "--", MARK, HEX40, PEM, PEM[:50]]
leaks = [form.format(CANARY) for form in LEAKS]
fragments = st.sampled_from([*leaks, *FORMS.values(), *pieces, *marks])
texts = st.text() | st.lists(fragments, max_size=12).map("".join)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts
names = st.sampled_from([*SECRET_NAMES, *HARMLESS_NAMES]) | texts
plain = st.recursive(
    scalars | st.binary(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(names, inner, max_size=4)
        | st.tuples(inner, inner)
    ),
    max_leaves=12,
)


@settings(deadline=None)
@given(plain)
def test_any_data_is_copied_and_stable(value):
    """No data makes redaction raise or change its input."""
    before = copy.deepcopy(value)
    redact(value)
    assert value == before


@settings(deadline=None, max_examples=300)
@given(texts)
def test_text_is_redacted_once(text):
    """Redacting twice gives what redacting once gives."""
    once = redact_text(text)
    assert redact_text(once) == once


@settings(deadline=None)
@given(plain)
def test_data_is_redacted_once(value):
    """Redacting redacted data changes nothing."""
    once = redact(value)
    assert redact(once) == once


numbers = st.integers() | st.floats(allow_nan=False) | st.booleans() | st.none()


@given(
    st.recursive(
        numbers,
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.sampled_from(HARMLESS_NAMES), inner)
            | st.tuples(inner)
        ),
    )
)
def test_numbers_are_untouched(value):
    """Numbers, truth values and None come back equal and of their type."""
    assert repr(redact(value)) == repr(value)


layers = st.sampled_from(["list", "mapping", "tuple"])


@settings(deadline=None)
@given(st.sampled_from(SECRET_NAMES), st.lists(st.tuples(layers, st.text(), st.text())))
def test_canary_never_survives(name, around):
    """A value under a secret name is hidden however it is nested and whatever stands beside it."""
    data: object = {name: "x" + CANARY}
    for layer, key, text in around:
        if layer == "mapping":
            data = {key: data, "other": text}
        else:
            data = [text, data] if layer == "list" else (data, text)
    assert CANARY not in repr(redact(data))


@settings(deadline=None)
@given(st.lists(texts), st.sampled_from(SECRET_NAMES), st.lists(texts))
def test_canary_never_survives_in_a_command_line(before, name, after):
    """A secret flag hides its value whatever stands before and after."""
    argv = [*before, f"--{name}", "x" + CANARY, *after, f"--{name}=x{CANARY}"]
    redacted = redact_argv(argv)
    assert len(redacted) == len(argv)
    assert redacted[len(before) + 1] == MARK
    assert redacted[-1] == f"--{name}={MARK}"
