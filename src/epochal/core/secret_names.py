"""Which names of settings, flags and variables say that their value is a secret.

A name is divided into words at separators, at changes of case and at digits, and compared word by
word: ``hf_token``, ``hfToken`` and ``HF-TOKEN`` are secrets, ``tokenizer``, ``max_tokens`` and
``eos_token`` are not.  A name that is in doubt counts as a secret.
"""

from __future__ import annotations

import functools
import re
from itertools import pairwise


def _words(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


_PASSWORDS = _words("passphrase passcode passwort pwd secret secrets")
_ANYWHERE = _PASSWORDS | _words(
    "apikey apikeys auth authorization bearer cookie cookies cred credential credentials creds",
    "jwt oauth",
)
# Words that make a following `key` or `token` a secret.
_OWNERS = _words(
    "access account anthropic api app auth aws azure bearer client comet csrf deploy encryption",
    "gcp github gitlab gpg hf huggingface hub license master mlflow neptune openai private",
    "refresh rsa secret security service session shared signing ssh storage subscription wandb",
    "webhook xsrf",
)
_OWNED = _words("key keys token tokens")
_JOINED = frozenset(owner + owned for owner in _OWNERS for owned in _OWNED)
# Words that make a following `token` a unit of text: `eos_token`, `loss_per_token`.
_TEXT_UNITS = _words(
    "action audio begin blank bos by byte char class cls concept condition control decoder dummy",
    "each end eos first global gloss image img initializer input instance lang language last",
    "latent mask max memory min motion n new newline next null num output pad padding patch per",
    "placeholder prefix prev previous query rare register sep separator sign single source space",
    "special speech start state stop style sub suffix target task text time trigger unk video",
    "vision word",
)
_PASSES = _words("backward first forward last multi n num one second single")
_HINTS = ("auth", "bearer", "cookie", "cred", "jwt", "key", "pass", "pwd", "secret", "token")
_WANDB_KEY_NAMES = frozenset({"key", "login", "wandb"})


@functools.cache
def _word_pattern() -> re.Pattern[str]:
    return re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def words_of(name: str) -> list[str]:
    """Return the words of a name in lower case, digits left out.

    Example:
        >>> words_of("wandb.APIKey_2")
        ['wandb', 'api', 'key']
    """
    return [word.lower() for word in _word_pattern().findall(name)]


def is_secret_name(name: str) -> bool:
    """Return whether the value under this name is to be hidden.

    Args:
        name: a key, flag, variable or dotted path.

    Example:
        >>> [is_secret_name(n) for n in ("WANDB_API_KEY", "--hf-token", "tokenizer", "eos_token")]
        [True, True, False, False]
    """
    lowered = name.lower()
    if not any(hint in lowered for hint in _HINTS):
        return False
    words = words_of(name)
    if is_password_name(name) or not _ANYWHERE.isdisjoint(words) or not _JOINED.isdisjoint(words):
        return True
    if any(owner in _OWNERS and owned in _OWNED for owner, owned in pairwise(words)):
        return True
    before = words[-2] if len(words) > 1 else ""
    return words[-1:] == ["token"] and before not in _TEXT_UNITS


def is_password_name(name: str) -> bool:
    """Return whether even a whole number under this name is a secret.

    Example:
        >>> is_password_name("db_password"), is_password_name("hf_token")
        (True, False)
    """
    words = words_of(name)
    if not _PASSWORDS.isdisjoint(words) or any(word.endswith("secret") for word in words):
        return True
    joined = "".join(words)
    if "password" in joined or "passwd" in joined:
        return True
    before = words[-2] if len(words) > 1 else ""
    return words[-1:] == ["pass"] and before not in _PASSES


def is_wandb_key(name: str, value: str) -> bool:
    """Return whether this is a W&B key: 40 hexadecimal digits, a hash but for the name.

    Example:
        >>> is_wandb_key("wandb.login", "0" * 40), is_wandb_key("git.commit", "0" * 40)
        (True, False)
    """
    words = words_of(name)
    if "wandb" not in words or words[-1] not in _WANDB_KEY_NAMES:
        return False
    digits = value.removeprefix("local-").lower()
    return len(digits) == 40 and set(digits) <= set("0123456789abcdef")
