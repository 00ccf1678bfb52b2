"""Pages of docs/ as programs: their commands, in order, and what they are said to print."""

import re
from dataclasses import dataclass

from . import paths

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# file: (\S+)\n")
CLIENT = "# on a client\n"
MARK = "---- block"


@dataclass
class Block:
    """What stands between two fences."""

    language: str
    text: str

    @property
    def file(self) -> str | None:
        """The path of a block that is a file."""
        found = FILE.match(self.text)
        return found.group(1) if found else None

    @property
    def on_a_client(self) -> bool:
        return self.text.startswith(CLIENT)

    def shell(self) -> str:
        """What puts the block into effect: a file is written, commands are themselves."""
        if self.file is None:
            return self.text
        assert "BLOCK_END" not in self.text
        return f"mkdir -p \"$(dirname '{self.file}')\"\ncat >'{self.file}' <<'BLOCK_END'\n{self.text}BLOCK_END\n"


def section(name: str, title: str) -> list[Block]:
    """The blocks below one heading of a page."""
    text = (paths.TOP / name).read_text().split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]
    return [Block(*match) for match in BLOCK.findall(text)]


def blocks(name: str) -> list[Block]:
    """Every block of a page. A language that nobody knows here is a mistake: it would not be run."""
    found = [Block(*match) for match in BLOCK.findall((paths.TOP / "docs" / name).read_text())]
    assert found, name
    for block in found:
        assert block.language in ("sh", "text") or block.file, f"{name}: nobody runs this:\n{block.text}"
    return found


def script(all_blocks: list[Block]) -> str:
    """One script of everything but the `text` blocks, which tells its sections apart."""
    steps = [f"echo '{MARK} {number}'\n{block.shell()}" for number, block in enumerate(all_blocks) if block.language != "text"]
    return "set -eu\n" + "\n".join(steps)


def check_output(all_blocks: list[Block], output: str) -> dict[int, str]:
    """Every line of a `text` block must have been printed by the commands right before it. Gives what each block printed."""
    pieces = re.split(rf"^{MARK} (\d+)\n", output, flags=re.MULTILINE)
    printed: dict[int, str] = {}
    for number, text in zip(pieces[1::2], pieces[2::2]):
        printed[int(number)] = printed.get(int(number), "") + text
    for number, block in enumerate(all_blocks):
        if block.language == "text":
            for line in block.text.splitlines():
                assert line in printed.get(number - 1, ""), f"not printed: {line}\n{output[-4000:]}"
    return printed
