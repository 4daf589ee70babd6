"""Markdown as a team writes it, made from a seed: for the property tests and the benches.

A document is a list of blocks, so that an edit can take one paragraph and leave the rest byte for
byte.
"""

from __future__ import annotations

from random import Random

WORDS = tuple(
    """
access account action after agent alert already answer api approval archive audit backup balance because before
broker browser bucket build cache calendar change channel check client cluster command commit config connection
console container contract copy cost customer daily dashboard data database date default delay deploy design
device disk document domain draft driver during email empty endpoint engineer environment error event evidence
example export failover failure feature field file filter finance firewall first folder gateway group handler
health history host hour image import incident index ingress input instance integration interval invoice issue
job key label latency ledger legacy level limit link list load lock login machine manager message metric
migration minute mirror model module monitor month network never node note notify number office operator order
output owner package page password path payment pending permission phase plan pod policy pool port prefix
primary process product profile project proxy queue quota rate reader record region release remote replica
report request reset resource response restart restore result retry review role rollback rotate route rule run
runner schedule schema scope script second secret section security sender server service session setting shard
signal size snapshot source space stage standby start state status step storage store stream summary support
switch system table tag task team template tenant test ticket timeout token tool topic trace traffic trigger
tunnel update upgrade upload usage user value vault vendor verify version view volume warning watch webhook
weekly window worker workflow workspace zone
    """.split()  # noqa: SIM905 -- easier to read than 300 quoted words
)
SMALL = (
    "the",
    "a",
    "of",
    "to",
    "in",
    "is",
    "and",
    "for",
    "with",
    "on",
    "that",
    "it",
    "are",
    "from",
    "by",
    "or",
    "when",
)
GERMAN = (
    "Die Sicherung läuft jede Nacht um zwei Uhr. ",
    "Bitte vor dem Neustart den Bereitschaftsdienst anrufen! ",
    "Das Zertifikat des Gateways wird jährlich erneuert, z. B. im März. ",
    "Wer hat Zugriff auf die Lohnabrechnung? ",
)
JAPANESE = (
    "毎晩二時にバックアップが実行されます。",
    "再起動の前に当番の担当者へ連絡してください。",
    "証明書は毎年三月に更新されます！",
    "接続できない場合はどうしますか？",
    "手順書の最新版は共有フォルダーにあります。",
)
LANGUAGES = ("python", "bash", "sql", "yaml", "")


class Writer:
    """Writes blocks of Markdown from a seed."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self._rows = 0

    def words(self, count: int) -> str:
        """That many words, a third of them small ones, with identifiers and numbers here and
        there."""
        pick = self.random.random
        found = []
        for _ in range(count):
            chance = pick()
            if chance < 0.33:
                found.append(self.random.choice(SMALL))
            elif chance < 0.36:
                found.append(f"`{self.random.choice(WORDS)}_{self.random.choice(WORDS)}`")
            elif chance < 0.39:
                found.append(str(self.random.randrange(10000)))
            else:
                found.append(self.random.choice(WORDS))
        return " ".join(found)

    def sentence(self) -> str:
        """A sentence of 5 to 24 words."""
        text = self.words(self.random.randint(5, 24))
        return text[:1].upper() + text[1:] + self.random.choice(".....?!")

    def paragraph(self) -> str:
        """One to six sentences on one line, a few of them in other languages."""
        chance = self.random.random()
        if chance < 0.04:
            return "".join(
                self.random.choice(GERMAN) for _ in range(self.random.randint(1, 6))
            ).rstrip()
        if chance < 0.08:
            return "".join(self.random.choice(JAPANESE) for _ in range(self.random.randint(1, 12)))
        return " ".join(self.sentence() for _ in range(self.random.randint(1, 6)))

    def items(self) -> str:
        """A list: bullets, numbers or tasks, some nested."""
        mark = self.random.choice(("-", "1.", "- [ ]", "- [x]"))
        lines = []
        for _ in range(self.random.randint(2, 9)):
            indent = "  " * (self.random.random() < 0.25)
            lines.append(f"{indent}{mark} {self.words(self.random.randint(3, 18))}")
        return "\n".join(lines)

    def code(self, lines: int | None = None) -> str:
        """A fence, with a language more often than not."""
        count = lines or self.random.randint(2, 30)
        body = []
        for _ in range(count):
            name, value = self.random.choice(WORDS), self.random.choice(WORDS)
            body.append(
                " " * 4 * self.random.randrange(3)
                + f"{name}_{value} = {name}({self.random.randrange(100)})"
            )
            if self.random.random() < 0.1:
                body.append("")
        return "\n".join(["```" + self.random.choice(LANGUAGES), *body, "```"])

    def table(self, rows: int | None = None) -> str:
        """A table whose header says ``Column`` and whose every row bears a mark of its own,
        ``R<n>R``."""
        width = self.random.randint(2, 5)
        lines = [
            "| " + " | ".join(f"Column {n}" for n in range(width)) + " |",
            "|" + " --- |" * width,
        ]
        for _ in range(rows or self.random.randint(1, 15)):
            self._rows += 1
            cells = [self.words(self.random.randint(1, 6)) for _ in range(width - 1)]
            lines.append("| " + " | ".join([f"R{self._rows}R", *cells]) + " |")
        return "\n".join(lines)

    def alert(self) -> str:
        """A GitHub alert."""
        kind = self.random.choice(("NOTE", "TIP", "WARNING", "CAUTION"))
        return f"> [!{kind}]\n" + "\n".join(
            f"> {self.sentence()}" for _ in range(self.random.randint(1, 4))
        )

    def heading(self, level: int) -> str:
        """An ATX heading of two to five words."""
        return "#" * level + " " + self.words(self.random.randint(2, 5)).title()

    def page(self, blocks: int) -> list[str]:
        """A page of about that many blocks."""
        found: list[str] = []
        level = 1
        while len(found) < blocks:
            level = max(1, min(4, level + self.random.choice((-1, 0, 0, 1))))
            found.append(self.heading(level))
            for _ in range(self.random.choice((1, 2, 2, 3, 4, 6, 9))):
                chance = self.random.random()
                if chance < 0.62:
                    found.append(self.paragraph())
                elif chance < 0.78:
                    found.append(self.items())
                elif chance < 0.88:
                    found.append(self.code())
                elif chance < 0.95:
                    found.append(self.table())
                else:
                    found.append(self.alert())
        return found


def is_paragraph(block: str) -> bool:
    """Is this block running text?"""
    return block[0] not in "#>|`-1" and "\n" not in block


def edited(blocks: list[str], writer: Writer, where: str, how: str) -> list[str]:
    """The page with one paragraph reworded, inserted or deleted near its top, middle or end."""
    third = len(blocks) // 3
    spans = {"top": (0, third), "middle": (third, 2 * third), "end": (2 * third, len(blocks))}
    first, last = spans[where]
    places = [place for place in range(first, last) if is_paragraph(blocks[place])]
    if not places:
        return edited(blocks, writer, "middle" if where != "middle" else "end", how)
    place = writer.random.choice(places)
    if how == "insert":
        return [*blocks[:place], writer.paragraph(), *blocks[place:]]
    if how == "delete":
        return [*blocks[:place], *blocks[place + 1 :]]
    words = blocks[place].split(" ")
    start = writer.random.randrange(len(words))
    words[start : start + 4] = writer.words(writer.random.randint(2, 6)).split(" ")
    return [*blocks[:place], " ".join(words), *blocks[place + 1 :]]
