"""Makes media of a run that is made by `journals.JournalMaker`: packs, files and their records."""

import hashlib
from pathlib import Path

from journals import JournalMaker


class PackMaker:
    """Writes bytes into a pack and their records into a journal."""

    def __init__(self, maker: JournalMaker, name: str = "0001-x-0001.pack") -> None:
        self.maker, self.file = maker, f"media/{name}"
        self.path = Path(maker.run_dir, self.file)
        self.path.parent.mkdir(exist_ok=True)
        self.path.touch()

    def add(self, key: str, step: float | None, body: bytes, **fields: object) -> None:
        """Adds a page to the pack."""
        with self.path.open("ab") as file:
            offset = file.tell()
            file.write(body)
        self.record(key, step, body, file=self.file, offset=offset, **fields)

    def add_alone(self, key: str, step: float, body: bytes, name: str) -> None:
        """Adds a page as a file of its own."""
        self.path.with_name(name).write_bytes(body)
        self.record(key, step, body, file=f"media/{name}")

    def record(self, key: str, step: float | None, body: bytes, **fields: object) -> None:
        """Records a page whose bytes are elsewhere."""
        self.maker.event(
            "media",
            **{
                "key": key, "step": step, "type": "html", "format": "html", "caption": "",
                "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest(), "about": {},
                **fields,
            },
        )  # fmt: skip
