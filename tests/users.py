"""The users that `config/users.conf` ships, for any prefix and with passwords that tests know."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

SHIPPED: Final = Path(__file__).parents[1] / "config" / "users.conf"
ROLES: Final = ("producer", "worker", "tracker", "subscriber", "member", "viewer", "operator")


def password(role: str) -> str:
    return f"secret-of-{role}"


def filled_in(prefix: str) -> str:
    """The shipped file with its placeholders replaced, as its comments say."""
    text = SHIPPED.read_text()
    for role in ("admin", *ROLES):
        hashed = hashlib.sha256(password(role).encode()).hexdigest()
        assert text.count(f" on #{role.upper()} ") == 1
        text = text.replace(f" on #{role.upper()} ", f" on #{hashed} ")
    return text.replace("~posestream:", f"~{prefix}:")


def write_users(folder: Path, prefix: str) -> Path:
    """Write a file that a server includes."""
    path = folder / "users.conf"
    path.write_text(filled_in(prefix))
    return path


def rules(role: str, prefix: str) -> list[str]:
    """What the file says of a role's user, for ACL SETUSER."""
    (line,) = [line for line in filled_in(prefix).splitlines() if line.startswith(f"user posestream-{role} ")]
    return line.split()[2:]


def url_as(role: str, url: str, name: str | None = None) -> str:
    """A server's URL with a role's user, or one of another name, and its password."""
    return url.replace("//", f"//{name or f'posestream-{role}'}:{password(role)}@")
