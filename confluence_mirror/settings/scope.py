"""Settings of the scope: what is mirrored, and how far back a run looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from confluence_mirror.model import Shard
from confluence_mirror.settings import values as v
from confluence_mirror.settings.variables import variable

Comments: TypeAlias = Literal["open", "all"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeSettings:
    """Which pages are mirrored, and how far back a run looks."""

    items: tuple[str, ...] = variable(
        "SCOPE",
        v.scope_items,
        "what is mirrored, separated by commas: `space:KEY`, `tree:ID` (a page or folder and all"
        " below it) and `page:ID` (docs/scope.md). The next three say the same for one kind each;"
        " both at once is refused (78)",
        example="space:DOCS,tree:1234567,page:7654321",
        unset=(),
        steers=True,
        mistaken=("SCOPES", "CONF_SCOPE", "CONFLUENCE_SCOPE"),
    )
    space_name: str | None = variable(
        "SPACE_NAME",
        v.text,
        "a space by name",
        example='"Known Issues"',
        steers=True,
        mistaken=("CONF_SPACE_NAME", "CONFLUENCE_SPACE_NAME"),
    )
    space_keys: tuple[str, ...] = variable(
        "FILTER_SPACE_KEYS",
        v.space_keys,
        "spaces by key, separated by commas; adds to `SPACE_NAME`. `DOCS,HR` is"
        " `SCOPE=space:DOCS,space:HR`",
        example="DOCS,HR",
        unset=(),
        steers=True,
        mistaken=(
            "SPACE_KEY",
            "SPACE_KEYS",
            "CONF_SPACE_KEY",
            "CONF_SPACE_KEYS",
            "CONFLUENCE_SPACE_KEY",
        ),
    )
    folder_id: str | None = variable(
        "FILTER_FOLDER_ID",
        v.content_id,
        "narrows to what lies below this page or folder, to any depth (and the page itself);"
        " alone, `1234567` is `SCOPE=tree:1234567`",
        example="1234567",
        steers=True,
        mistaken=("FOLDER_ID", "FILTER_PAGE_ID"),
    )
    labels: tuple[str, ...] = variable(
        "LABELS",
        v.labels,
        "narrows to pages that have any of these labels, separated by commas; one that no page"
        " has is refused (78) until the first run has ended well",
        example="runbook,known-issue",
        unset=(),
        steers=True,
        mistaken=("FILTER_LABELS", "FILTER_LABEL"),
    )
    exclude_labels: tuple[str, ...] = variable(
        "EXCLUDE_LABELS",
        v.labels,
        "pages that have one of these labels are not mirrored, nor what hangs on them",
        example="draft,internal",
        unset=(),
        steers=True,
        mistaken=("EXCLUDE_LABEL", "EXCLUDED_LABELS"),
    )
    exclude_trees: tuple[str, ...] = variable(
        "EXCLUDE_TREES",
        v.content_ids,
        "these pages or folders, by id, are not mirrored, nor what lies below them",
        example="1234567,7654321",
        unset=(),
        steers=True,
        mistaken=("EXCLUDE_TREE", "EXCLUDED_TREES", "EXCLUDE_PAGES", "EXCLUDE_FOLDERS"),
    )
    shard: Shard | None = variable(
        "SHARD",
        v.shard,
        "this job mirrors part `i` of `n` of the scope, as in `0/3`: spaces are divided by size,"
        " and `i` counts from 0; `/3` takes `i` from `JOB_COMPLETION_INDEX`, as Kubernetes sets it."
        " Needs `STATE_URL` on PostgreSQL and pgvector or a Chroma server",
        example="0/3",
        steers=True,
    )
    label_metadata: bool = variable(
        "LABEL_METADATA",
        v.flag,
        "`false`: chunks do not carry their page's labels, and a night asks Confluence for half as"
        " much. For the largest sites; `LABELS` and `EXCLUDE_LABELS` need them in any case",
        default="true",
    )
    attachments: bool = variable(
        "ATTACHMENTS",
        v.flag,
        "`true`: the files on pages are mirrored too, each a document of its own"
        " (docs/attachments.md); `false` again is a change of scope",
        default="false",
        steers=True,
        mistaken=("ATTACHMENT", "INCLUDE_ATTACHMENTS"),
    )
    attachment_max_mb: int = variable(
        "ATTACHMENT_MAX_MB",
        v.whole(1, 10_000),
        "larger files are named in the report and not fetched. As many as `CONCURRENCY` of this"
        " size may lie in the temporary folder at a time",
        default="100",
    )
    ocr_languages: str = variable(
        "OCR_LANGUAGES",
        v.ocr_languages,
        "the languages of pictures and scanned pages, as tesseract names them; they have text where"
        " that program is installed",
        default="eng",
    )
    comments: Comments | None = variable(
        "COMMENTS",
        v.one_of(Comments),
        "`open`: the comments on pages are mirrored too, each thread a document of its own; `all`:"
        " resolved threads as well; unset: none. Less than before is a change of scope",
        example="open",
        steers=True,
        mistaken=("COMMENT", "INCLUDE_COMMENTS"),
    )
    access: bool = variable(
        "ACCESS",
        v.flag,
        "`true`: chunks carry the key of those who may read them, and `query --as ACCOUNT` answers"
        " from what that account may read; every run compares the whole scope"
        " (docs/permissions.md)",
        default="false",
    )
    since_hours: int = variable(
        "SINCE_HOURS",
        v.whole(0, 87600),
        "with `RECONCILE_HOURS` set: the hours that a run between two comparisons looks back, at"
        " least; `0`: everything. Without it every run compares the whole scope, and a scope"
        " without a finished run is read whole, whatever this says",
        default="24",
        option="--since-hours",
        option_kind={"metavar": "N"},
    )
    reconcile_hours: int = variable(
        "RECONCILE_HOURS",
        v.whole(0, 8760),
        "how often the whole scope is compared with the manifest; `0`: in every run. For jobs that"
        " run hourly: what was deleted or hidden answers until then",
        default="0",
    )
