"""Writes ``bench/samples/*.xml``: pages in storage format as a team's space holds them, the same on
every machine.

``python bench/make_convert_samples.py`` writes them anew. Sizes are log-normal with a median of 3
kB.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

SAMPLES = Path(__file__).parent / "samples"
COUNT = 90

_TEXT = """
the a of to in for with on by from and or not when service queue worker release rollback alert owner metric region
cluster token schema index migration latency budget incident runbook review window retry timeout batch snapshot replica
deploy pipeline feature customer invoice report permission group gateway request response cache storage
MAX_RETRY_COUNT order_id ./deploy.sh --dry-run C:\\Tools v2.14.1 99.95% Zürich données 障害対応 手順 Übersicht naïve
"""
_WORDS = _TEXT.split()
_CODE = (
    "def handle(event):\n    if event.retries > MAX and event.age < 3600:\n        return queue.push(event)\n",
    "kubectl -n payments rollout restart deploy/api && \\\n  kubectl get pods | grep -v Running\n",
    "SELECT id, count(*)\nFROM orders\nWHERE created_at > now() - interval '1 day'\nGROUP BY id;\n",
    '{"service": "api", "replicas": 3, "env": {"LOG_LEVEL": "info"}}\n',
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  RETRIES: '5'\n",
)
_LANGUAGES = ("python", "bash", "sql", "json", "yaml")


class Writer:
    """Writes one page from its own random numbers."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def words(self, least: int, most: int) -> str:
        return " ".join(self.random.choices(_WORDS, k=self.random.randint(least, most))).replace(
            "&", "&amp;"
        )

    def identifier(self) -> str:
        digits = f"{self.random.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"

    def running(self) -> str:
        parts = [self.words(4, 18)]
        extras: list[Callable[[], str]] = [
            lambda: f"<strong>{self.words(1, 3)} </strong>",
            lambda: f"<em>{self.words(1, 3)}</em>",
            lambda: f"<code>{self.words(1, 2)}</code>",
            lambda: (
                f'<a href="https://example.com/{self.random.randint(1, 999)}?a=1&amp;b=2">{self.words(1, 3)}</a>'
            ),
            lambda: (
                f'<ac:link><ri:page ri:space-key="OPS" ri:content-title="{self.words(2, 4)}" ri:version-at-save="7" />'
                f"<ac:link-body>{self.words(1, 3)}</ac:link-body></ac:link>"
            ),
            lambda: f'<ac:link><ri:user ri:account-id="712020:{self.identifier()}" /></ac:link>',
            lambda: (
                '<ac:structured-macro ac:name="status" ac:schema-version="1"><ac:parameter ac:name="title">DONE'
                '</ac:parameter><ac:parameter ac:name="colour">Green</ac:parameter></ac:structured-macro>'
            ),
            lambda: '<time datetime="2026-03-14" />',
            lambda: (
                '<ac:emoticon ac:name="tick" ac:emoji-shortname=":check_mark:" ac:emoji-fallback="✅" />'
            ),
            lambda: "&nbsp;&ndash; &ldquo;quoted&rdquo;",
            lambda: "<br />",
        ]
        for _ in range(self.random.choice((0, 0, 1, 1, 2, 3))):
            parts += [self.random.choice(extras)(), self.words(2, 10)]
        return " ".join(parts) + "."

    def paragraph(self) -> str:
        return f'<p local-id="{self.identifier()}">{self.running()}</p>'

    def heading(self) -> str:
        level = self.random.choice((1, 2, 2, 2, 3, 3))
        return f"<h{level}>{self.words(1, 5)}</h{level}>"

    def list(self, depth: int = 0) -> str:
        tag = self.random.choice(("ul", "ul", "ol"))
        items = []
        for _ in range(self.random.randint(2, 7)):
            inner = self.list(depth + 1) if depth < 2 and self.random.random() < 0.15 else ""
            items.append(f"<li><p>{self.running()}</p>{inner}</li>")
        return f"<{tag}>{''.join(items)}</{tag}>"

    def table(self) -> str:
        width = self.random.randint(2, 6)
        head = "".join(f"<th><p><strong>{self.words(1, 2)}</strong></p></th>" for _ in range(width))
        rows = [f"<tr>{head}</tr>"]
        for _ in range(self.random.randint(2, 10)):
            cells = [f"<td><p>{self.words(1, 7)}</p></td>" for _ in range(width)]
            if self.random.random() < 0.1:
                cells = [
                    f'<td colspan="2"><p>{self.running()}</p><p>{self.words(1, 4)}</p></td>',
                    *cells[2:],
                ]
            rows.append(f"<tr>{''.join(cells)}</tr>")
        columns = '<col style="width: 160.0px;" />' * width
        return (
            f'<table data-table-width="760" data-layout="default" ac:local-id="{self.identifier()}"><colgroup>{columns}'
            f"</colgroup><tbody>{''.join(rows)}</tbody></table>"
        )

    def _macro(self, name: str, inner: str) -> str:
        return (
            f'<ac:structured-macro ac:name="{name}" ac:schema-version="1" ac:macro-id="{self.identifier()}">{inner}'
            "</ac:structured-macro>"
        )

    def code(self) -> str:
        index = self.random.randrange(len(_CODE))
        return self._macro(
            "code",
            f'<ac:parameter ac:name="language">{_LANGUAGES[index]}</ac:parameter><ac:plain-text-body><![CDATA['
            f"{_CODE[index] * self.random.randint(1, 4)}]]></ac:plain-text-body>",
        )

    def panel(self) -> str:
        name = self.random.choice(("info", "note", "warning", "tip", "panel", "expand"))
        title = (
            f'<ac:parameter ac:name="title">{self.words(1, 4)}</ac:parameter>'
            if self.random.random() < 0.5
            else ""
        )
        return self._macro(
            name, f"{title}<ac:rich-text-body>{self.paragraph()}</ac:rich-text-body>"
        )

    def tasks(self) -> str:
        tasks = "".join(
            f"<ac:task><ac:task-id>{number}</ac:task-id>"
            f"<ac:task-status>{self.random.choice(('complete', 'incomplete'))}</ac:task-status>"
            f"<ac:task-body>{self.running()}</ac:task-body></ac:task>"
            for number in range(self.random.randint(2, 5))
        )
        return f"<ac:task-list>{tasks}</ac:task-list>"

    def image(self) -> str:
        return (
            f'<ac:image ac:align="center" ac:width="760" ac:alt="{self.words(1, 4)}"><ri:attachment '
            f'ri:filename="picture {self.random.randint(1, 99)}.png" ri:version-at-save="1" /><ac:caption>'
            f"<p>{self.words(2, 6)}</p></ac:caption></ac:image>"
        )

    def layout(self) -> str:
        cells = "".join(
            f"<ac:layout-cell>{self.paragraph()}{self.list()}</ac:layout-cell>" for _ in range(2)
        )
        return f'<ac:layout><ac:layout-section ac:type="two_equal">{cells}</ac:layout-section></ac:layout>'

    def page(self, size: int) -> str:
        """A page of about so many characters."""
        weighted = (
            [self.heading] * 4
            + [self.paragraph] * 9
            + [self.list] * 3
            + [self.table] * 2
            + [self.code] * 2
            + [self.panel] * 2
            + [self.tasks, self.image, self.layout]
        )
        parts = [self._macro("toc", "")] if self.random.random() < 0.3 else []
        length = 0
        while length < size:
            parts.append(self.random.choice(weighted)())
            length += len(parts[-1])
        return "".join(parts)


def main() -> None:
    """Write all samples."""
    SAMPLES.mkdir(exist_ok=True)
    sizes = random.Random(2026)
    for number in range(COUNT):
        size = min(20_000, int(sizes.lognormvariate(7.6, 0.9)))
        (SAMPLES / f"page-{number:02}.xml").write_text(
            Writer(number).page(size) + "\n", encoding="utf-8"
        )


if __name__ == "__main__":
    main()
