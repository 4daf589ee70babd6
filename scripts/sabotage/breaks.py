"""Everything that is broken on purpose."""

from __future__ import annotations

from scripts.sabotage.sabotage import Sabotage
from scripts.sabotage.tables.access import ACCESS_BREAKS
from scripts.sabotage.tables.crash import CRASH_BREAKS
from scripts.sabotage.tables.evidence import EVIDENCE_BREAKS
from scripts.sabotage.tables.flow import FLOW_BREAKS
from scripts.sabotage.tables.judgement import JUDGEMENT_BREAKS
from scripts.sabotage.tables.mirror import MIRROR_BREAKS
from scripts.sabotage.tables.secrets import SECRETS_BREAKS

SABOTAGES: tuple[Sabotage, ...] = (
    *MIRROR_BREAKS,
    *CRASH_BREAKS,
    *EVIDENCE_BREAKS,
    *ACCESS_BREAKS,
    *FLOW_BREAKS,
    *SECRETS_BREAKS,
    *JUDGEMENT_BREAKS,
)
